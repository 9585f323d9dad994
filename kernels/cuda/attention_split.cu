// A block merges the results of one row of one head.

#include "kernels/cuda/attention_split.h"

#include "kernels/cuda/device/attention_tile.cuh"
#include "kernels/cuda/device/attention_views.cuh"

namespace cogdist::cuda {
namespace {

constexpr int kThreads = 128;

// Of the launch WithResultsOfSplits(): where each split's results are.
struct MergeParams {
  AttentionForwardLaunch to;
  const float* o;    // [splits, batch, q_len, heads, head_dim]
  const float* lse;  // [splits, batch, heads, q_len]
};

__global__ void __launch_bounds__(kThreads)
    MergeSplitsKernel(MergeParams args) {
  const AttentionProblem& p = args.to.problem;
  const int64_t rows = p.batch * p.q_len * p.heads;
  const int64_t head = blockIdx.x % p.heads;
  const int64_t row = blockIdx.x / p.heads % p.q_len;
  const int64_t b = blockIdx.x / p.heads / p.q_len;
  const int64_t statistic = (b * p.heads + head) * p.q_len + row;
  float max = -INFINITY;
  for (int64_t split = 0; split < args.to.splits; ++split) {
    max = fmaxf(max, args.lse[split * rows + statistic]);
  }
  // Where no split has seen a key, its outputs are 0.
  const float shift = max == -INFINITY ? 0 : max;
  float sum = 0;
  for (int64_t split = 0; split < args.to.splits; ++split) {
    sum += Exp2((args.lse[split * rows + statistic] - shift) * kLog2E);
  }
  for (int64_t d = threadIdx.x; d < p.head_dim; d += kThreads) {
    float o = 0;
    for (int64_t split = 0; split < args.to.splits; ++split) {
      const float w =
          Exp2((args.lse[split * rows + statistic] - shift) * kLog2E);
      o = fmaf(w, args.o[(split * rows + blockIdx.x) * p.head_dim + d], o);
    }
    StoreAs(args.to.o, b, row, head, d, sum == 0 ? 0 : o / sum);
  }
  if (threadIdx.x == 0) {
    At(args.to.lse, b, head, row) = sum == 0 ? -INFINITY : max + logf(sum);
  }
}

}  // namespace

AttentionForwardLaunch WithResultsOfSplits(const AttentionForwardLaunch& args) {
  if (args.splits == 1) return args;
  const AttentionProblem& p = args.problem;
  AttentionForwardLaunch result = args;
  result.o = {.data = args.partial,
              .batch_stride = p.q_len * p.heads * p.head_dim,
              .row_stride = p.heads * p.head_dim,
              .head_stride = p.head_dim,
              .type = ElementType::kFloat32};
  result.lse = {
      .data = args.partial + args.splits * AttentionRows(p) * p.head_dim,
      .batch_stride = p.heads * p.q_len,
      .head_stride = p.q_len};
  return result;
}

void LaunchAttentionMergeSplits(GpuStream stream,
                                const AttentionForwardLaunch& args) {
  if (args.splits == 1) return;
  const AttentionForwardLaunch partial = WithResultsOfSplits(args);
  Launch(stream,
         {.grid = static_cast<unsigned>(AttentionRows(args.problem)),
          .block = kThreads},
         &MergeSplitsKernel,
         {.to = args,
          .o = static_cast<const float*>(partial.o.data),
          .lse = partial.lse.data});
}

}  // namespace cogdist::cuda
