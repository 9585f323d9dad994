#include "kernels/cpu/rmsnorm.h"

#include <cmath>

#include "kernels/cpu/row_ranges.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rmsnorm.cc"
#include "hwy/foreach_target.h"
#include "kernels/cpu/norm_row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {
namespace {

template <typename T, typename Gain>
void ForwardRow(const RmsNormForwardArgs& args, int64_t row) {
  const int64_t hidden = args.y.dim(1);
  const T* const s = AddResidual<T>(args, row);
  const float sum_of_squares = SumOverRow(hidden, [&](int64_t i, auto part) {
    const Vec v = Load(s + i, part);
    return hn::Mul(v, v);
  });
  const float rstd = 1 / std::sqrt(sum_of_squares / hidden + args.eps);
  args.rstd.Data<float>()[row] = rstd;
  T* const y = args.y.Data<T>() + row * hidden;
  const Gain* const gain = args.gain.Data<Gain>();
  ForEachVector(hidden, [&](int64_t i, auto part) {
    const Vec normalised = hn::Mul(Load(s + i, part), Set(rstd));
    Store(hn::Mul(normalised, Load(gain + i, part)), y + i, part);
  });
}

void RmsNormForward(CpuStream&, const RmsNormForwardArgs& args) {
  DispatchFloat(args.y.dtype, [&]<typename T>(T) {
    DispatchFloat(args.gain.dtype, [&]<typename Gain>(Gain) {
      ParallelFor(args.y.dim(0), 4 * args.y.dim(1) * sizeof(T),
                  [&](int64_t row) { ForwardRow<T, Gain>(args, row); });
    });
  });
}

// With n = x rstd and g = dy gain: dx = rstd (g - n mean(g n)), dgain = dy n.
// Adds this row's dgain to `dgain`.
template <typename T, typename Gain>
void BackwardRow(const RmsNormBackwardArgs& args, int64_t row, float* dgain) {
  const int64_t hidden = args.dx.dim(1);
  const T* const dy = args.dy.Data<T>() + row * hidden;
  const T* const x = args.x.Data<T>() + row * hidden;
  const Gain* const gain = args.gain.Data<Gain>();
  const float rstd = args.rstd.Data<float>()[row];
  const float sum = SumOverRow(hidden, [&](int64_t i, auto part) {
    const Vec dy_n =
        hn::Mul(Load(dy + i, part), hn::Mul(Load(x + i, part), Set(rstd)));
    Store(hn::Add(Load(dgain + i, part), dy_n), dgain + i, part);
    return hn::Mul(dy_n, Load(gain + i, part));
  });
  const Vec mean = Set(sum / hidden * rstd);
  const T* const residual =
      args.residual_gradient ? args.residual_gradient.Data<T>() + row * hidden
                             : nullptr;
  T* const dx = args.dx.Data<T>() + row * hidden;
  ForEachVector(hidden, [&](int64_t i, auto part) {
    const Vec g = hn::Mul(Load(dy + i, part), Load(gain + i, part));
    const Vec past = residual == nullptr ? Set(0) : Load(residual + i, part);
    const Vec along = hn::NegMulAdd(Load(x + i, part), mean, g);
    Store(hn::MulAdd(along, Set(rstd), past), dx + i, part);
  });
}

void RmsNormBackward(CpuStream& stream, const RmsNormBackwardArgs& args) {
  const int64_t rows = args.dx.dim(0), hidden = args.dx.dim(1);
  float* const partial = static_cast<float*>(
      stream.Workspace(RmsNormBackwardWorkspaceBytes(stream, args)));
  DispatchFloat(args.dx.dtype, [&]<typename T>(T) {
    DispatchFloat(args.gain.dtype, [&]<typename Gain>(Gain) {
      SumRowRanges(rows, hidden, 4 * hidden * sizeof(T), partial,
                   [&](int64_t row, float* dgain) {
                     BackwardRow<T, Gain>(args, row, dgain);
                   });
    });
  });
  AddRowRanges({args.dgain.Data<float>(), static_cast<size_t>(hidden)}, partial,
               rows, hidden);
}

}  // namespace
}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

COG_DISPATCH(RmsNormForward);
COG_DISPATCH(RmsNormBackward);
