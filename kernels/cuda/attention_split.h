// Attention of few queries on many keys, as in decoding. A head's queries are
// one block's work, which leaves most of a GPU idle; cut into ranges, the keys
// are several blocks', whose results merge exactly:
//   lse = log sum_s exp(lse_s),  o = sum_s exp(lse_s - lse) o_s

#ifndef COGDIST_KERNELS_CUDA_ATTENTION_SPLIT_H_
#define COGDIST_KERNELS_CUDA_ATTENTION_SPLIT_H_

#include "kernels/cuda/attention_launch.h"

namespace cogdist::cuda {

// Ranges that fill a GPU of so many multiprocessors: 1 where there are many
// queries, or blocks enough without. A function of the numbers alone: on one
// type of GPU, results have the same bits in every run.
int64_t AttentionSplits(const AttentionProblem& problem, int multiprocessors);

// Floats of scratch for their results; none for 1.
int64_t AttentionSplitFloats(const AttentionProblem& problem, int64_t splits);

// For the launchers of both forward kernels, which cut keys by blockIdx.z:
// results go to `partial`, as if of splits * batch sequences, and are merged.
// Where splits is 1, nothing changes and nothing is done.
AttentionForwardLaunch WithResultsOfSplits(const AttentionForwardLaunch& args);
void LaunchAttentionMergeSplits(GpuStream stream,
                                const AttentionForwardLaunch& args);

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_ATTENTION_SPLIT_H_
