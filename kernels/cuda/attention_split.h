// Attention of few queries on many keys, as in decoding. A head's queries are
// one block's work, which leaves most of a GPU idle; cut into ranges, the keys
// are several blocks', whose results merge exactly:
//   lse = log sum_s exp(lse_s),  o = sum_s exp(lse_s - lse) o_s

#ifndef COGDIST_KERNELS_CUDA_ATTENTION_SPLIT_H_
#define COGDIST_KERNELS_CUDA_ATTENTION_SPLIT_H_

#include "kernels/cuda/attention_launch.h"

namespace cogdist::cuda {

// Of queries, over all heads.
inline int64_t AttentionRows(const AttentionProblem& problem) {
  return problem.batch * problem.q_len * problem.heads;
}

// Ranges that fill a GPU of so many multiprocessors: 1 where there are many
// queries, or blocks enough without. A function of the numbers alone: on one
// type of GPU, results have the same bits in every run.
inline int64_t AttentionSplits(const AttentionProblem& problem,
                               int multiprocessors) {
  // A tile of the kernel without tensor cores, a warp's part of the other's.
  constexpr int64_t kFewQueries = 32;
  // Registers allow two blocks a multiprocessor.
  constexpr int64_t kBlocks = 2;
  // A range, below which blocks begin and end rather than compute.
  constexpr int64_t kLeastKeys = 128;
  const int64_t blocks = problem.batch * problem.heads;
  if (problem.q_len > kFewQueries || blocks == 0) return 1;
  const int64_t wanted = kBlocks * multiprocessors / blocks;
  const int64_t possible = problem.kv_len / kLeastKeys;
  const int64_t splits = wanted < possible ? wanted : possible;
  return splits < 1 ? 1 : splits;
}

// Floats of scratch for their results; none for 1.
inline int64_t AttentionSplitFloats(const AttentionProblem& problem,
                                    int64_t splits) {
  if (splits == 1) return 0;
  return splits * AttentionRows(problem) * (problem.head_dim + 1);
}

// For the launchers of both forward kernels, which cut keys by blockIdx.y:
// results go to `partial`, as if of splits * batch sequences, and are merged.
// Where splits is 1, nothing changes and nothing is done.
AttentionForwardLaunch WithResultsOfSplits(const AttentionForwardLaunch& args);
void LaunchAttentionMergeSplits(GpuStream stream,
                                const AttentionForwardLaunch& args);

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_ATTENTION_SPLIT_H_
