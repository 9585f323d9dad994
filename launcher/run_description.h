// A run in the words and numbers of its summary, from its configuration alone.

#ifndef COGDIST_LAUNCHER_RUN_DESCRIPTION_H_
#define COGDIST_LAUNCHER_RUN_DESCRIPTION_H_

#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "launcher/memory_plan.h"
#include "launcher/run_summary.h"
#include "parallel/mesh.h"
#include "proto/run_config.pb.h"
#include "runtime/device.h"

namespace cogdist {

// "Cogformer, 24 layers, hidden 2048, ...". `model` is resolved.
std::string DescribeModel(const CogformerConfig& model);

struct RunLayout {
  Mesh mesh;
  int64_t threads = 0;  // a rank; 0: not known
  DeviceType device = DeviceType::kCpu;
};

// `config` is resolved and valid. `plans`: one for each pipeline stage, of a
// rank of it, or one for all.
StartSummary DescribeRun(const RunConfig& config, const RunLayout& layout,
                         absl::Span<const StepPlan> plans);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_RUN_DESCRIPTION_H_
