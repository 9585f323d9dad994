#include "kernels/cpu/cross_entropy.h"

#include <omp.h>
#include <cmath>
#include "kernels/cpu/parallel_for.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/cross_entropy.cc"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd.h"

#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {
namespace {

struct Row {
  const float* logits;  // [vocab]
  float* exponentials;  // [vocab]: exp(logits - maximum); may be logits or null
  int64_t vocab;
  int32_t target;
};

float Maximum(const Row& row) {
  Vec maximum = Set(row.logits[0]);
  ForEachVector(row.vocab, [&](int64_t i, auto part) {
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

// sum exp(logits - maximum).
float Exponentials(const Row& row, float maximum) {
  Vec sum = Set(0);
  float rest = 0;
  ForEachVector(row.vocab, [&](int64_t i, auto part) {
    const Vec shifted = hn::Sub(Load(row.logits + i, part), Set(maximum));
    const Vec e = ExpOrNan(shifted);
    if (row.exponentials != nullptr) Store(e, row.exponentials + i, part);
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

// dlogits = scale * (exponentials / sum - onehot(target)).
template <typename T>
void Gradient(const Row& row, float sum, float scale, T* dlogits) {
  const float target = scale * (row.exponentials[row.target] / sum - 1);
  const Vec factor = Set(scale / sum);
  ForEachVector(row.vocab, [&](int64_t i, auto part) {
    Store(hn::Mul(Load(row.exponentials + i, part), factor), dlogits + i, part);
  });
  dlogits[row.target] = T(target);
}

template <typename T>
float LossAndGradient(const Row& row, float scale, T* dlogits) {
  if (row.target < 0) {
    if (dlogits != nullptr) std::fill_n(dlogits, row.vocab, T(0.0f));
    return 0;
  }
  CheckTarget(row.target, row.vocab);
  const float target_logit = row.logits[row.target];
  const float maximum = Maximum(row);
  const float sum = Exponentials(row, maximum);
  if (dlogits != nullptr) Gradient(row, sum, scale, dlogits);
  return std::log(sum) + (maximum - target_logit);
}

template <typename T>
void AllRows(const CrossEntropyArgs& args, float* scratch) {
  const int64_t vocab = args.logits.dim(1);
  float* const loss = args.loss.Data<float>();
  T* const gradients = args.dlogits ? args.dlogits.Data<T>() : nullptr;
  ParallelFor(args.logits.dim(0), vocab * 8, [&](int64_t i) {
    T* const dlogits = gradients == nullptr ? nullptr : gradients + i * vocab;
    float* exponentials = nullptr;
    if constexpr (std::is_same_v<T, float>) {
      exponentials = dlogits;
    } else if (dlogits != nullptr) {
      exponentials = scratch + omp_get_thread_num() * vocab;
    }
    const Row row = {.logits = args.logits.Data<float>() + i * vocab,
                     .exponentials = exponentials,
                     .vocab = vocab,
                     .target = args.targets.Data<int32_t>()[i]};
    loss[i] = LossAndGradient(row, args.gradient_scale, dlogits);
  });
}

void CrossEntropy(CpuStream& stream, const CrossEntropyArgs& args) {
  float* const scratch = static_cast<float*>(
      stream.Workspace(CrossEntropyWorkspaceBytes(stream, args)));
  DispatchFloat(args.dlogits ? args.dlogits.dtype : DType::kFloat32,
                [&]<typename T>(T) { AllRows<T>(args, scratch); });
}

}  // namespace
}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

COG_DISPATCH(CrossEntropy);
