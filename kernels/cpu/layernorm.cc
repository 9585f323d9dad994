#include "kernels/cpu/layernorm.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/layernorm.cc"
#include "hwy/foreach_target.h"
#include "kernels/cpu/norm_row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {
namespace {

// The lanes that a row has, zeros behind its end.
HWY_INLINE Vec Inside(Vec v, All) { return v; }
HWY_INLINE Vec Inside(Vec v, Some part) {
  return hn::IfThenElseZero(hn::FirstN(F32(), part.count), v);
}

struct Statistics {
  float mean, rstd;
};

// By two passes, the second of which also finds what rounding did to the mean
// (Chan, Golub and LeVeque, "Algorithms for computing the sample variance",
// 1983): no difference of large numbers is taken.
template <typename T>
Statistics StatisticsOf(const T* s, int64_t hidden, float eps) {
  const float near =
      SumOverRow(hidden,
                 [&](int64_t i, auto part) { return Load(s + i, part); }) /
      hidden;
  const auto difference = [&](int64_t i, auto part) {
    return Inside(hn::Sub(Load(s + i, part), Set(near)), part);
  };
  Vec squares = Set(0);
  const float rest = SumOverRow(hidden,
                                [&](int64_t i, auto part) {
                                  const Vec d = difference(i, part);
                                  squares = hn::MulAdd(d, d, squares);
                                  return d;
                                }) /
                     hidden;
  const float variance = SumOfLanes(squares) / hidden - rest * rest;
  return {.mean = near + rest, .rstd = 1 / std::sqrt(variance + eps)};
}

template <typename T, typename Param>
void ForwardRow(const LayerNormForwardArgs& args, int64_t row) {
  const int64_t hidden = args.y.dim(1);
  const T* const s = AddResidual<T>(args, row);
  const auto [mean, rstd] = StatisticsOf(s, hidden, args.eps);
  args.mean.Data<float>()[row] = mean;
  args.rstd.Data<float>()[row] = rstd;
  T* const y = args.y.Data<T>() + row * hidden;
  const Param* const gain = args.gain.Data<Param>();
  const Param* const bias = args.bias.Data<Param>();
  ForEachVector(
      hidden, [&, mean = Set(mean), rstd = Set(rstd)](int64_t i, auto part) {
        const Vec n = hn::Mul(hn::Sub(Load(s + i, part), mean), rstd);
        Store(hn::MulAdd(n, Load(gain + i, part), Load(bias + i, part)), y + i,
              part);
      });
}

void LayerNormForward(CpuStream&, const LayerNormForwardArgs& args) {
  DispatchFloat(args.y.dtype, [&]<typename T>(T) {
    DispatchFloat(args.gain.dtype, [&]<typename Param>(Param) {
      ParallelFor(args.y.dim(0), 4 * args.y.dim(1) * sizeof(T),
                  [&](int64_t row) { ForwardRow<T, Param>(args, row); });
    });
  });
}

// With n = (x - mean) rstd and g = dy gain:
// dx = rstd (g - mean(g) - n mean(g n)), dgain = dy n, dbias = dy.
// Adds this row's dgain and dbias to `sums`, [2, hidden].
template <typename T, typename Gain>
void BackwardRow(const LayerNormBackwardArgs& args, int64_t row, float* sums) {
  const int64_t hidden = args.dx.dim(1);
  float* const dgain = sums;
  float* const dbias = sums + hidden;
  const T* const dy = args.dy.Data<T>() + row * hidden;
  const T* const x = args.x.Data<T>() + row * hidden;
  const Gain* const gain = args.gain.Data<Gain>();
  const Vec mean = Set(args.mean.Data<float>()[row]);
  const Vec rstd = Set(args.rstd.Data<float>()[row]);
  Vec g_n = Set(0);
  const float sum_of_g = SumOverRow(hidden, [&](int64_t i, auto part) {
    const Vec n = hn::Mul(hn::Sub(Load(x + i, part), mean), rstd);
    const Vec d = Load(dy + i, part);
    const Vec g = hn::Mul(d, Load(gain + i, part));
    Store(hn::MulAdd(d, n, Load(dgain + i, part)), dgain + i, part);
    Store(hn::Add(d, Load(dbias + i, part)), dbias + i, part);
    g_n = hn::MulAdd(g, n, g_n);
    return g;
  });
  const Vec mean_of_g = Set(sum_of_g / hidden);
  const Vec mean_of_g_n = Set(SumOfLanes(g_n) / hidden);
  const T* const residual =
      args.residual_gradient ? args.residual_gradient.Data<T>() + row * hidden
                             : nullptr;
  T* const dx = args.dx.Data<T>() + row * hidden;
  ForEachVector(hidden, [&](int64_t i, auto part) {
    const Vec n = hn::Mul(hn::Sub(Load(x + i, part), mean), rstd);
    const Vec g = hn::Mul(Load(dy + i, part), Load(gain + i, part));
    const Vec past = residual == nullptr ? Set(0) : Load(residual + i, part);
    const Vec along = hn::NegMulAdd(n, mean_of_g_n, hn::Sub(g, mean_of_g));
    Store(hn::MulAdd(along, rstd, past), dx + i, part);
  });
}

void LayerNormBackward(CpuStream& stream, const LayerNormBackwardArgs& args) {
  const int64_t rows = args.dx.dim(0), hidden = args.dx.dim(1);
  float* const partial = static_cast<float*>(
      stream.Workspace(LayerNormBackwardWorkspaceBytes(stream, args)));
  DispatchFloat(args.dx.dtype, [&]<typename T>(T) {
    DispatchFloat(args.gain.dtype, [&]<typename Gain>(Gain) {
      SumRowRanges(rows, 2 * hidden, 4 * hidden * sizeof(T), partial,
                   [&](int64_t row, float* sums) {
                     BackwardRow<T, Gain>(args, row, sums);
                   });
    });
  });
  const size_t n = hidden;
  AddRowRanges({args.dgain.Data<float>(), n}, partial, rows, 2 * hidden);
  AddRowRanges({args.dbias.Data<float>(), n}, partial + n, rows, 2 * hidden);
}

}  // namespace
}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

COG_DISPATCH(LayerNormForward);
COG_DISPATCH(LayerNormBackward);
