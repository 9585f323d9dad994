// What RMSNorm and LayerNorm share of a row. Included once per instruction set,
// like simd.h.

#include <cstdint>

#include "kernels/cpu/simd.h"

#if defined(COGDIST_KERNELS_CPU_NORM_ROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COGDIST_KERNELS_CPU_NORM_ROW_INL_H_
#undef COGDIST_KERNELS_CPU_NORM_ROW_INL_H_
#else
#define COGDIST_KERNELS_CPU_NORM_ROW_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {

// The sum of f(i, part), a vector, over a row.
template <typename F>
HWY_INLINE float SumOverRow(int64_t n, const F& f) {
  Vec sum = Set(0);
  ForEachVector(n,
                [&](int64_t i, auto part) { sum = hn::Add(sum, f(i, part)); });
  return SumOfLanes(sum);
}

// What a forward pass normalises: x, or x + residual rounded to the type it is
// kept in.
template <typename T, typename Args>
const T* AddResidual(const Args& args, int64_t row) {
  const int64_t hidden = args.y.dim(1);
  const T* const x = args.x.template Data<T>() + row * hidden;
  if (!args.residual) return x;
  const T* const residual = args.residual.template Data<T>() + row * hidden;
  T* const sum = args.sum.template Data<T>() + row * hidden;
  ForEachVector(hidden, [&](int64_t i, auto part) {
    Store(hn::Add(Load(x + i, part), Load(residual + i, part)), sum + i, part);
  });
  return sum;
}

}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // toggled per target
