#include "kernels/cpu/gelu.h"

#include "kernels/normal_tail.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gelu.cc"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd.h"

#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {
namespace {

// The normal distribution at x.
struct Normal {
  Vec below;    // Phi(x)
  Vec density;  // exp(-x^2 / 2) / sqrt(2 pi)
};

// exp(-a^2 / 2). What rounding takes from the square is put back, else it would
// cost the result a^2 / 2 ulp: the upper half of a's digits has an exact square
// (Dekker, "A floating-point technique for extending the available precision",
// 1971), on processors without fused multiply-add, too.
HWY_INLINE Vec Bell(Vec a) {
  const hn::RebindToUnsigned<F32> bits;
  const Vec high = hn::BitCast(
      F32(), hn::And(hn::BitCast(bits, a), hn::Set(bits, 0xfffff000u)));
  const Vec square = hn::Mul(a, a);
  const Vec lost = hn::Add(hn::Sub(hn::Mul(high, high), square),
                           hn::Mul(hn::Sub(a, high), hn::Add(a, high)));
  const Vec e = hn::Exp(F32(), hn::Mul(square, Set(-0.5f)));
  return hn::NegMulAdd(hn::Mul(e, Set(0.5f)), lost, e);
}

// Phi(-a) exp(a^2 / 2), for a >= 0.
HWY_INLINE Vec TailOverBell(Vec a) {
  constexpr NormalTail kTail;
  const Vec u = hn::Div(Set(1), hn::MulAdd(a, Set(kTail.kScale), Set(1)));
  Vec p = Set(kTail.p[kTail.kDegree]);
  for (int i = kTail.kDegree - 1; i >= 0; --i) {
    p = hn::MulAdd(p, u, Set(kTail.p[i]));
  }
  return hn::Mul(p, u);
}

HWY_INLINE Normal NormalAt(Vec x) {
  constexpr float kInverseSqrt2Pi = 0.398942280f;
  // Farther out, Phi is 0 or 1 in float32, and squares might overflow.
  const Vec a = hn::Min(hn::Abs(x), Set(16));
  const Vec bell = Bell(a);
  const Vec tail = hn::Mul(TailOverBell(a), bell);
  const auto negative = hn::Lt(x, Set(0));
  return {.below = hn::IfThenElse(negative, tail, hn::Sub(Set(1), tail)),
          .density = hn::Mul(bell, Set(kInverseSqrt2Pi))};
}

template <typename Bias, typename Part>
HWY_INLINE Vec AddBias(Vec x, const Bias* bias, int64_t i, Part part) {
  return bias == nullptr ? x : hn::Add(x, Load(bias + i, part));
}

// Calls f with the elements of `bias`, null where it is absent.
template <typename F>
void DispatchBias(const TensorView& bias, const F& f) {
  if (!bias) return f(static_cast<const float*>(nullptr));
  DispatchFloat(bias.dtype, [&]<typename Bias>(Bias) {
    f(static_cast<const Bias*>(bias.Data<Bias>()));
  });
}

template <typename T, typename Bias>
void ForwardRow(const GeluForwardArgs& args, const Bias* bias, int64_t row) {
  const int64_t ffn = args.y.dim(1);
  const T* const from = args.x.Data<T>() + row * ffn;
  T* const y = args.y.Data<T>() + row * ffn;
  ForEachVector(ffn, [&](int64_t i, auto part) {
    const Vec x = AddBias(Load(from + i, part), bias, i, part);
    Store(hn::Mul(x, NormalAt(x).below), y + i, part);
  });
}

void GeluForward(CpuStream&, const GeluForwardArgs& args) {
  DispatchFloat(args.y.dtype, [&]<typename T>(T) {
    DispatchBias(args.bias, [&](const auto* bias) {
      ParallelFor(args.y.dim(0), 2 * args.y.dim(1) * sizeof(T),
                  [&](int64_t row) { ForwardRow<T>(args, bias, row); });
    });
  });
}

// gelu'(x) = Phi(x) + x Phi'(x). Adds to `dbias`, unless it is null.
template <typename T, typename Bias>
void BackwardRow(const GeluBackwardArgs& args, const Bias* bias, int64_t row,
                 float* dbias) {
  const int64_t ffn = args.dx.dim(1);
  const T* const from = args.x.Data<T>() + row * ffn;
  const T* const dy = args.dy.Data<T>() + row * ffn;
  T* const to = args.dx.Data<T>() + row * ffn;
  ForEachVector(ffn, [&](int64_t i, auto part) {
    const Vec x = AddBias(Load(from + i, part), bias, i, part);
    const Normal normal = NormalAt(x);
    const Vec slope = hn::MulAdd(x, normal.density, normal.below);
    const Vec dx = hn::Mul(Load(dy + i, part), slope);
    Store(dx, to + i, part);
    if (dbias == nullptr) return;
    Store(hn::Add(dx, Load(dbias + i, part)), dbias + i, part);
  });
}

void GeluBackward(CpuStream& stream, const GeluBackwardArgs& args) {
  const int64_t rows = args.dx.dim(0), ffn = args.dx.dim(1);
  float* const partial = static_cast<float*>(
      stream.Workspace(GeluBackwardWorkspaceBytes(stream, args)));
  DispatchFloat(args.dx.dtype, [&]<typename T>(T) {
    const int64_t bytes = 3 * ffn * sizeof(T);
    DispatchBias(args.bias, [&](const auto* bias) {
      if (args.dbias) {
        SumRowRanges(rows, ffn, bytes, partial, [&](int64_t row, float* dbias) {
          BackwardRow<T>(args, bias, row, dbias);
        });
      } else {
        ParallelFor(rows, bytes, [&](int64_t row) {
          BackwardRow<T>(args, bias, row, nullptr);
        });
      }
    });
  });
  if (!args.dbias) return;
  AddRowRanges({args.dbias.Data<float>(), static_cast<size_t>(ffn)}, partial,
               rows, ffn);
}

}  // namespace
}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

COG_DISPATCH(GeluForward);
COG_DISPATCH(GeluBackward);
