#include "kernels/cpu/swiglu.h"

#include "kernels/cpu/parallel_for.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/swiglu.cc"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd.h"

#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {
namespace {

// 1 / (1 + exp(-x)), without overflow.
HWY_INLINE Vec Sigmoid(Vec x) {
  const Vec exponent = hn::Min(hn::Neg(x), Set(88));
  return hn::Div(Set(1), hn::Add(Set(1), hn::Exp(F32(), exponent)));
}

template <typename T>
void Forward(const SwiGluForwardArgs& args) {
  const int64_t ffn = args.y.dim(1);
  ParallelFor(args.y.dim(0), 3 * ffn * sizeof(T), [&](int64_t row) {
    T* const y = args.y.Data<T>() + row * ffn;
    const T* const gate = args.gate_up.Data<T>() + row * 2 * ffn;
    const T* const up = gate + ffn;
    ForEachVector(ffn, [&](int64_t i, auto part) {
      const Vec g = Load(gate + i, part);
      const Vec silu = hn::Mul(g, Sigmoid(g));
      Store(hn::Mul(silu, Load(up + i, part)), y + i, part);
    });
  });
}

void SwiGluForward(CpuStream&, const SwiGluForwardArgs& args) {
  DispatchFloat(args.y.dtype, [&]<typename T>(T) { Forward<T>(args); });
}

// silu'(g) = sigmoid(g) (1 + g (1 - sigmoid(g))).
template <typename T>
void Backward(const SwiGluBackwardArgs& args) {
  const int64_t ffn = args.dy.dim(1);
  ParallelFor(args.dy.dim(0), 5 * ffn * sizeof(T), [&](int64_t row) {
    const T* const dy_row = args.dy.Data<T>() + row * ffn;
    const T* const gate = args.gate_up.Data<T>() + row * 2 * ffn;
    const T* const up = gate + ffn;
    T* const d_gate = args.d_gate_up.Data<T>() + row * 2 * ffn;
    T* const d_up = d_gate + ffn;
    ForEachVector(ffn, [&](int64_t i, auto part) {
      const Vec dy = Load(dy_row + i, part);
      const Vec g = Load(gate + i, part);
      const Vec u = Load(up + i, part);
      const Vec sigmoid = Sigmoid(g);
      const Vec silu = hn::Mul(g, sigmoid);
      // g (1 - sigmoid) = g - silu
      const Vec slope = hn::MulAdd(sigmoid, hn::Sub(g, silu), sigmoid);
      Store(hn::Mul(dy, silu), d_up + i, part);
      Store(hn::Mul(hn::Mul(dy, u), slope), d_gate + i, part);
    });
  });
}

void SwiGluBackward(CpuStream&, const SwiGluBackwardArgs& args) {
  DispatchFloat(args.dy.dtype, [&]<typename T>(T) { Backward<T>(args); });
}

}  // namespace
}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

COG_DISPATCH(SwiGluForward);
COG_DISPATCH(SwiGluBackward);
