#include "kernels/cpu/cross_entropy.h"

#include <omp.h>
#include <cmath>
#include <limits>
#include "kernels/cpu/parallel_for.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/cross_entropy.cc"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd.h"

#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {
namespace {

// The columns of a row that this rank holds.
struct Row {
  bool HoldsTarget() const { return target >= 0 && target < columns; }

  const float* logits;  // [columns]
  int64_t columns;
  int64_t target;  // a column; outside of them if another rank holds it
};

// Where the gradient of a row goes.
template <typename T>
struct RowGradient {
  T* dlogits;           // [columns]; null in evaluation
  float* exponentials;  // [columns]: exp(logits - maximum); null, too, then;
                        // may be the memory of dlogits
  float scale;
};

float Maximum(const Row& row) {
  Vec maximum = Set(-std::numeric_limits<float>::infinity());
  ForEachVector(row.columns, [&](int64_t i, auto part) {
    if constexpr (std::is_same_v<decltype(part), All>) {
      maximum = hn::Max(maximum, Load(row.logits + i));
    } else {
      for (int64_t j = i; j < i + part.count; ++j) {
        maximum = hn::Max(maximum, Set(row.logits[j]));
      }
    }
  });
  return hn::GetLane(hn::MaxOfLanes(F32(), maximum));
}

// Highway's Exp gives 0 for NaN, but a loss must not hide it.
HWY_INLINE Vec ExpOrNan(Vec x) {
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(F32(), x));
}

// sum exp(logits - maximum); keeps the exponentials unless `to` is null.
float Exponentials(const Row& row, float maximum, float* to) {
  Vec sum = Set(0);
  float rest = 0;
  ForEachVector(row.columns, [&](int64_t i, auto part) {
    const Vec shifted = hn::Sub(Load(row.logits + i, part), Set(maximum));
    const Vec e = ExpOrNan(shifted);
    if (to != nullptr) Store(e, to + i, part);
    if constexpr (std::is_same_v<decltype(part), All>) {
      sum = hn::Add(sum, e);
    } else {
      float lanes[kLanes];
      Store(e, lanes);
      for (int64_t j = 0; j < part.count; ++j) rest += lanes[j];
    }
  });
  return SumOfLanes(sum) + rest;
}

// The target's logit as the loss takes it; 0 if another rank holds it.
float ShiftedTarget(const Row& row, float maximum) {
  return row.HoldsTarget() ? row.logits[row.target] - maximum : 0;
}

float Loss(float sum, float shifted_target) {
  return std::log(sum) - shifted_target;
}

// dlogits = scale * (exponentials / sum - onehot(target)).
template <typename T>
void Gradient(const Row& row, float sum, const RowGradient<T>& to) {
  const float* const exponentials = to.exponentials;
  float target = 0;  // read before dlogits may overwrite it
  if (row.HoldsTarget()) {
    target = to.scale * (exponentials[row.target] / sum - 1);
  }
  const Vec factor = Set(to.scale / sum);
  ForEachVector(row.columns, [&](int64_t i, auto part) {
    const Vec e = Load(exponentials + i, part);
    Store(hn::Mul(e, factor), to.dlogits + i, part);
  });
  if (row.HoldsTarget()) to.dlogits[row.target] = T(target);
}

// A row whose target is masked.
template <typename T>
float MaskedRow(const Row& row, const RowGradient<T>& to) {
  if (to.dlogits != nullptr) std::fill_n(to.dlogits, row.columns, T(0.0f));
  return 0;
}

template <typename T>
float WholeRow(const Row& row, const RowGradient<T>& to) {
  CheckTarget(row.target, row.columns);
  const float maximum = Maximum(row);
  const float shifted_target = ShiftedTarget(row, maximum);
  const float sum = Exponentials(row, maximum, to.exponentials);
  if (to.dlogits != nullptr) Gradient(row, sum, to);
  return Loss(sum, shifted_target);
}

Row RowOf(const TensorView& logits, int64_t i, int64_t target) {
  const int64_t columns = logits.dim(1);
  return {.logits = logits.Data<float>() + i * columns,
          .columns = columns,
          .target = target};
}

// loss[i] = f(i, gradient of row i) for all rows that are not masked.
template <typename T, typename Args, typename F>
void ForEachRow(const Args& args, float* scratch, const F& f) {
  const int64_t columns = args.logits.dim(1);
  float* const loss = args.loss.template Data<float>();
  const int32_t* const targets = args.targets.template Data<int32_t>();
  ParallelFor(args.logits.dim(0), columns * 8, [&](int64_t i) {
    RowGradient<T> to = {.dlogits = nullptr,
                         .exponentials = nullptr,
                         .scale = args.gradient_scale};
    if (args.dlogits) {
      to.dlogits = args.dlogits.template Data<T>() + i * columns;
      if constexpr (std::is_same_v<T, float>) {
        to.exponentials = to.dlogits;
      } else {
        to.exponentials = scratch + omp_get_thread_num() * columns;
      }
    }
    loss[i] =
        targets[i] < 0 ? MaskedRow(RowOf(args.logits, i, -1), to) : f(i, to);
  });
}

DType GradientType(const TensorView& dlogits) {
  return dlogits ? dlogits.dtype : DType::kFloat32;
}

void CrossEntropy(CpuStream& stream, const CrossEntropyArgs& args) {
  float* const scratch =
      static_cast<float*>(stream.Workspace(ExponentialsBytes(args.dlogits)));
  const int32_t* const targets = args.targets.Data<int32_t>();
  DispatchFloat(GradientType(args.dlogits), [&]<typename T>(T) {
    ForEachRow<T>(args, scratch, [&](int64_t i, const RowGradient<T>& to) {
      return WholeRow(RowOf(args.logits, i, targets[i]), to);
    });
  });
}

void CrossEntropyMax(CpuStream&, const CrossEntropyMaxArgs& args) {
  float* const max = args.max.Data<float>();
  ParallelFor(args.logits.dim(0), args.logits.dim(1) * 4, [&](int64_t i) {
    max[i] = Maximum(RowOf(args.logits, i, /*target=*/-1));
  });
}

void CrossEntropyStats(CpuStream&, const CrossEntropyStatsArgs& args) {
  const int64_t rows = args.logits.dim(0);
  const int32_t* const targets = args.targets.Data<int32_t>();
  const float* const max = args.max.Data<float>();
  float* const sums = args.sums.Data<float>();
  float* const shifted_targets = sums + rows;
  ParallelFor(rows, args.logits.dim(1) * 4, [&](int64_t i) {
    const bool masked = targets[i] < 0;
    const Row row = RowOf(args.logits, i, targets[i] - args.first_id);
    sums[i] = masked ? 0 : Exponentials(row, max[i], /*to=*/nullptr);
    shifted_targets[i] = masked ? 0 : ShiftedTarget(row, max[i]);
  });
}

void CrossEntropyFinish(CpuStream& stream, const CrossEntropyFinishArgs& args) {
  float* const scratch =
      static_cast<float*>(stream.Workspace(ExponentialsBytes(args.dlogits)));
  const int64_t rows = args.logits.dim(0);
  const int32_t* const targets = args.targets.Data<int32_t>();
  const float* const max = args.max.Data<float>();
  const float* const sums = args.sums.Data<float>();
  DispatchFloat(GradientType(args.dlogits), [&]<typename T>(T) {
    ForEachRow<T>(args, scratch, [&](int64_t i, const RowGradient<T>& to) {
      const Row row = RowOf(args.logits, i, targets[i] - args.first_id);
      if (to.dlogits != nullptr) {
        Exponentials(row, max[i], to.exponentials);
        Gradient(row, sums[i], to);
      }
      return Loss(sums[i], sums[rows + i]);
    });
  });
}

}  // namespace
}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

COG_DISPATCH(CrossEntropy);
COG_DISPATCH(CrossEntropyMax);
COG_DISPATCH(CrossEntropyStats);
COG_DISPATCH(CrossEntropyFinish);
