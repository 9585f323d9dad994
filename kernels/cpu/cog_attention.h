// Fused attention on the processor: the operations of kernels/cog_attention.h
// and the scratch memory that they take from the stream.
//
// How it works. Scores are computed transposed, a tile of keys (rows) by 64
// queries (columns), so that everything kept per query - maximum, sum, lse - is
// a vector lane and no sum runs across lanes:
//   S^T = K Q^T,  P^T = pass(S^T),  O^T += V^T P^T.
// The right-hand factor of a product is small and stays in the first-level
// cache; the left-hand one (keys, values) streams through it once.

#ifndef COGDIST_KERNELS_CPU_COG_ATTENTION_H_
#define COGDIST_KERNELS_CPU_COG_ATTENTION_H_

#include "kernels/cog_attention.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

// Bytes of Stream::Workspace() that the operation takes with the threads and
// the instruction set of this moment: linear in q_len + kv_len.
int64_t WorkspaceBytes(Stream&, const AttentionForwardArgs& args);
int64_t WorkspaceBytes(Stream&, const AttentionBackwardArgs& args);

void AttentionForward(CpuStream& stream, const AttentionForwardArgs& args);
void AttentionBackward(CpuStream& stream, const AttentionBackwardArgs& args);
void AttentionMerge(CpuStream& stream, const AttentionMergeArgs& args);

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_COG_ATTENTION_H_
