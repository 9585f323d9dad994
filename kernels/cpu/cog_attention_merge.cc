#include <cmath>

#include "kernels/cpu/cog_attention.h"
#include "kernels/cpu/parallel_for.h"

namespace cogdist::cpu {
namespace {

// One query of one head.
void MergeRow(float* o, float& lse, const float* other_o, float other_lse,
              int64_t head_dim) {
  const float top = std::max(lse, other_lse);
  if (std::isinf(top) && top < 0) return;  // neither part saw a key
  const float weight = std::exp(lse - top);
  const float other_weight = std::exp(other_lse - top);
  const float sum = weight + other_weight;
  for (int64_t d = 0; d < head_dim; ++d) {
    o[d] = (weight * o[d] + other_weight * other_o[d]) / sum;
  }
  lse = top + std::log(sum);
}

int64_t Offset(const TensorView& x, int64_t i, int64_t j, int64_t k) {
  return i * x.strides.dim(0) + j * x.strides.dim(1) + k * x.strides.dim(2);
}

}  // namespace

void AttentionMerge(CpuStream&, const AttentionMergeArgs& args) {
  const int64_t q_len = args.o.dim(1);
  const int64_t heads = args.o.dim(2);
  const int64_t head_dim = args.o.dim(3);
  ParallelFor(args.o.dim(0) * q_len, heads * head_dim * 12, [&](int64_t i) {
    const int64_t b = i / q_len, t = i % q_len;
    for (int64_t h = 0; h < heads; ++h) {
      MergeRow(args.o.Data<float>() + Offset(args.o, b, t, h),
               args.lse.Data<float>()[Offset(args.lse, b, h, t)],
               args.other_o.Data<float>() + Offset(args.other_o, b, t, h),
               args.other_lse.Data<float>()[Offset(args.other_lse, b, h, t)],
               head_dim);
    }
  });
}

}  // namespace cogdist::cpu
