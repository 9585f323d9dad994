// A run in the words and numbers of its summary, from its configuration alone.

#ifndef COGDIST_LAUNCHER_RUN_DESCRIPTION_H_
#define COGDIST_LAUNCHER_RUN_DESCRIPTION_H_

#include <cstdint>
#include <string>

#include "launcher/model_runner.h"
#include "launcher/run_summary.h"
#include "proto/run_config.pb.h"

namespace cogdist {

struct RunLayout {
  int64_t ranks = 1;
  int64_t data_parallel = 1;
  int64_t threads = 0;  // a rank; 0: not known
};

// `config` is resolved and valid; `memory` is one rank's.
StartSummary DescribeRun(const RunConfig& config, const RunLayout& layout,
                         const MemoryPlan& memory);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_RUN_DESCRIPTION_H_
