#include "kernels/cpu/adamw.h"

#include <cmath>
#include "kernels/cpu/parallel_for.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/adamw.cc"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {
namespace {

// The update's constants, computed in float64.
struct Constants {
  explicit Constants(const AdamWArgs& args)
      : gradient_scale(args.gradient_scale),
        beta1(args.beta1),
        one_minus_beta1(1 - args.beta1),
        beta2(args.beta2),
        one_minus_beta2(1 - args.beta2),
        minus_decay(-args.lr * args.weight_decay),
        step(-args.lr / (1 - std::pow(args.beta1, args.t))),
        v_correction(1 / (1 - std::pow(args.beta2, args.t))),
        eps(args.eps) {}

  float gradient_scale;
  float beta1, one_minus_beta1;
  float beta2, one_minus_beta2;
  // Kept apart from the 1 that it is added to: 1 - lr wd, rounded to float32,
  // would be wrong by a per cent where lr wd is a few millionths.
  float minus_decay;
  float step;  // -lr, with the bias correction of m
  float v_correction;
  float eps;
};

void Update(const AdamWArgs& args, const Constants& with, int64_t begin,
            int64_t count) {
  float* const param = args.param.Data<float>() + begin;
  float* const m_row = args.m.Data<float>() + begin;
  float* const v_row = args.v.Data<float>() + begin;
  const float* const gradient = args.gradient.Data<float>() + begin;
  BFloat16* const weight =
      args.weight ? args.weight.Data<BFloat16>() + begin : nullptr;
  ForEachVector(count, [&](int64_t i, auto part) {
    const Vec g = hn::Mul(Load(gradient + i, part), Set(with.gradient_scale));
    const Vec m = hn::MulAdd(Set(with.beta1), Load(m_row + i, part),
                             hn::Mul(Set(with.one_minus_beta1), g));
    const Vec v = hn::MulAdd(Set(with.beta2), Load(v_row + i, part),
                             hn::Mul(Set(with.one_minus_beta2), hn::Mul(g, g)));
    const Vec root = hn::Sqrt(hn::Mul(v, Set(with.v_correction)));
    const Vec direction = hn::Div(m, hn::Add(root, Set(with.eps)));
    const Vec old = Load(param + i, part);
    const Vec decayed = hn::MulAdd(old, Set(with.minus_decay), old);
    const Vec p = hn::MulAdd(Set(with.step), direction, decayed);
    Store(m, m_row + i, part);
    Store(v, v_row + i, part);
    Store(p, param + i, part);
    if (weight != nullptr) Store(p, weight + i, part);
  });
}

void AdamW(CpuStream&, const AdamWArgs& args) {
  const Constants constants(args);
  ParallelChunks(args.param.num_elements(), /*bytes=*/30,
                 [&](int64_t begin, int64_t count) {
                   Update(args, constants, begin, count);
                 });
}

}  // namespace
}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

COG_DISPATCH(AdamW);
