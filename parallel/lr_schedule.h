// The learning rate as a pure function of the step: nothing to save, nothing to
// resume.

#ifndef COGDIST_PARALLEL_LR_SCHEDULE_H_
#define COGDIST_PARALLEL_LR_SCHEDULE_H_

#include <cstdint>

#include "proto/run_config.pb.h"

namespace cogdist {

// Of update `step`, counted from 1. It rises in a straight line to peak_lr at
// warmup_steps. `train_steps` stands in for decay_steps where that is not set.
// REQUIRES: the ranges that the configuration's comments give.
double LearningRate(const LrScheduleConfig& config, int64_t train_steps,
                    int64_t step);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_LR_SCHEDULE_H_
