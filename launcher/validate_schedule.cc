#include <algorithm>

#include "launcher/validate_rules.h"

namespace cogdist {
namespace {

void CheckCooldown(const LrScheduleConfig& schedule, Faults& faults) {
  const int64_t longest = schedule.decay_steps() - schedule.warmup_steps();
  if (!schedule.has_cooldown_steps()) {
    faults.Add("lr_schedule.cooldown_steps",
               "is missing; kind WSD needs it (1 to ", longest, ")");
  } else if (schedule.cooldown_steps() > longest) {
    faults.Add("lr_schedule.cooldown_steps", schedule.cooldown_steps(),
               " is longer than the ", longest, " steps from warmup_steps ",
               schedule.warmup_steps(), " to decay_steps ",
               schedule.decay_steps(), "; use ", longest);
  }
}

}  // namespace

void CheckSchedule(const RunConfig& config, Faults& faults) {
  const LrScheduleConfig& schedule = config.lr_schedule();
  if (schedule.peak_lr() > 0 && schedule.min_lr() > schedule.peak_lr()) {
    faults.Add("lr_schedule.min_lr", schedule.min_lr(),
               " is above peak_lr; use ", schedule.peak_lr(), " or less");
  }
  if (schedule.kind() == LrScheduleConfig::CONSTANT) return;  // never decays
  if (schedule.decay_steps() < 1 || schedule.warmup_steps() < 0) return;
  if (schedule.warmup_steps() >= schedule.decay_steps()) {
    faults.Add("lr_schedule.warmup_steps", schedule.warmup_steps(),
               " leaves no step before decay_steps ", schedule.decay_steps(),
               " (train_steps, unless it is set); use ",
               schedule.decay_steps() - 1);
    return;
  }
  if (schedule.kind() == LrScheduleConfig::WSD) CheckCooldown(schedule, faults);
}

}  // namespace cogdist
