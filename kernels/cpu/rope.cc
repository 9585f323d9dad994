#include "kernels/cpu/rope.h"

#include "kernels/cpu/parallel_for.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rope.cc"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {
namespace {

// Rotates the pairs (x[i], x[i + half]) of one head.
template <typename T>
void RotateHead(T* x, const float* cosines, const float* sines, int64_t half,
                float sign) {
  ForEachVector(half, [&](int64_t i, auto part) {
    const Vec a = Load(x + i, part);
    const Vec b = Load(x + half + i, part);
    const Vec cosine = Load(cosines + i, part);
    const Vec sine = hn::Mul(Load(sines + i, part), Set(sign));
    Store(hn::MulSub(a, cosine, hn::Mul(b, sine)), x + i, part);
    Store(hn::MulAdd(b, cosine, hn::Mul(a, sine)), x + half + i, part);
  });
}

template <typename T>
void RotateAll(const RopeArgs& args) {
  const auto& [x, table, first_position, inverse] = args;
  const int64_t seq = x.dim(1), heads = x.dim(2), half = x.dim(3) / 2;
  const float* const cosines = table.Data<float>() + first_position * half;
  const float* const sines = cosines + table.strides.dim(0);
  const float sign = inverse ? -1 : 1;
  T* const data = x.Data<T>();
  const Shape& strides = x.strides;
  ParallelFor(x.dim(0) * seq, 4 * heads * half * sizeof(T), [&](int64_t token) {
    const int64_t b = token / seq, t = token % seq;
    T* const row = data + b * strides.dim(0) + t * strides.dim(1);
    for (int64_t head = 0; head < heads; ++head) {
      RotateHead(row + head * strides.dim(2), cosines + t * half,
                 sines + t * half, half, sign);
    }
  });
}

void Rope(CpuStream&, const RopeArgs& args) {
  DispatchFloat(args.x.dtype, [&]<typename T>(T) { RotateAll<T>(args); });
}

}  // namespace
}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

COG_DISPATCH(Rope);
