#include "parallel/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "runtime/check.h"

namespace cogdist {
namespace {

// How far `step` is on the way from `begin` to `end`, in [0, 1].
double Progress(int64_t step, int64_t begin, int64_t end) {
  if (step >= end) return 1;
  return std::max(0.0, static_cast<double>(step - begin) / (end - begin));
}

// The share of (peak - min) that is left of the peak.
double Remaining(const LrScheduleConfig& config, int64_t decay_steps,
                 int64_t step) {
  const double progress = Progress(step, config.warmup_steps(), decay_steps);
  const double cooldown =
      Progress(step, decay_steps - config.cooldown_steps(), decay_steps);
  switch (config.kind()) {
    case LrScheduleConfig::COSINE:
      return 0.5 * (1 + std::cos(std::numbers::pi * progress));
    case LrScheduleConfig::LINEAR:
      return 1 - progress;
    case LrScheduleConfig::CONSTANT:
      return 1;
    case LrScheduleConfig::WSD:
      return config.cooldown_shape() == LrScheduleConfig::ONE_MINUS_SQRT
                 ? 1 - std::sqrt(cooldown)
                 : 1 - cooldown;
  }
  return 1;
}

}  // namespace

double LearningRate(const LrScheduleConfig& config, int64_t train_steps,
                    int64_t step) {
  COG_CHECK_GE(step, 1);
  const double peak = config.peak_lr();
  if (step <= config.warmup_steps()) {
    return peak * step / config.warmup_steps();
  }
  const int64_t decay_steps =
      config.has_decay_steps() ? config.decay_steps() : train_steps;
  const double remaining = Remaining(config, decay_steps, step);
  // Both ends come out exactly.
  return config.min_lr() * (1 - remaining) + peak * remaining;
}

}  // namespace cogdist
