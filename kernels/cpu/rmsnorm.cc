#include "kernels/cpu/rmsnorm.h"

#include <cmath>
#include "kernels/cpu/parallel_for.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rmsnorm.cc"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {
namespace {

// The sum of f(i, part), a vector, over a row.
template <typename F>
HWY_INLINE float SumOverRow(int64_t n, const F& f) {
  Vec sum = Set(0);
  ForEachVector(n,
                [&](int64_t i, auto part) { sum = hn::Add(sum, f(i, part)); });
  return SumOfLanes(sum);
}

// What is normalised: x, or x + residual rounded to the type it is kept in.
template <typename T>
const T* AddResidual(const RmsNormForwardArgs& args, int64_t row) {
  const int64_t hidden = args.y.dim(1);
  const T* const x = args.x.Data<T>() + row * hidden;
  if (!args.residual) return x;
  const T* const residual = args.residual.Data<T>() + row * hidden;
  T* const sum = args.sum.Data<T>() + row * hidden;
  ForEachVector(hidden, [&](int64_t i, auto part) {
    Store(hn::Add(Load(x + i, part), Load(residual + i, part)), sum + i, part);
  });
  return sum;
}

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

template <typename T, typename Gain>
void BackwardRows(const RmsNormBackwardArgs& args, int64_t range,
                  float* dgain) {
  const int64_t rows = args.dx.dim(0), hidden = args.dx.dim(1);
  const int64_t ranges = RmsNormRowRanges(rows);
  std::fill_n(dgain, hidden, 0.0f);
  const int64_t end = (range + 1) * rows / ranges;
  for (int64_t row = range * rows / ranges; row < end; ++row) {
    BackwardRow<T, Gain>(args, row, dgain);
  }
}

void AddRanges(const RmsNormBackwardArgs& args, const float* partial) {
  const int64_t hidden = args.dx.dim(1),
                ranges = RmsNormRowRanges(args.dx.dim(0));
  float* const dgain = args.dgain.Data<float>();
  ForEachVector(hidden, [&](int64_t i, auto part) {
    Vec sum = Set(0);
    for (int64_t range = 0; range < ranges; ++range) {
      sum = hn::Add(sum, Load(partial + range * hidden + i, part));
    }
    Store(hn::Add(Load(dgain + i, part), sum), dgain + i, part);
  });
}

void RmsNormBackward(CpuStream& stream, const RmsNormBackwardArgs& args) {
  const int64_t rows = args.dx.dim(0), hidden = args.dx.dim(1);
  if (rows == 0) return;
  const int64_t ranges = RmsNormRowRanges(rows);
  float* const partial = static_cast<float*>(
      stream.Workspace(RmsNormBackwardWorkspaceBytes(stream, args)));
  DispatchFloat(args.dx.dtype, [&]<typename T>(T) {
    DispatchFloat(args.gain.dtype, [&]<typename Gain>(Gain) {
      ParallelFor(
          ranges, 4 * rows * hidden * sizeof(T) / ranges, [&](int64_t range) {
            BackwardRows<T, Gain>(args, range, partial + range * hidden);
          });
    });
  });
  AddRanges(args, partial);
}

}  // namespace
}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

COG_DISPATCH(RmsNormForward);
COG_DISPATCH(RmsNormBackward);
