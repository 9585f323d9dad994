#include "launcher/memory_check.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "launcher/human_format.h"
#include "launcher/training_step.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

constexpr int64_t kUnknown = std::numeric_limits<int64_t>::max();

// The first number in a file of /sys/fs/cgroup; "max" and no file are unknown.
int64_t NumberIn(const std::string& path) {
  int64_t number = kUnknown;
  return std::ifstream(path) >> number ? number : kUnknown;
}

int64_t SystemAvailableBytes() {
  std::ifstream file("/proc/meminfo");
  std::string word;
  int64_t kibibytes = 0;
  while (file >> word) {
    if (word == "MemAvailable:" && file >> kibibytes) return kibibytes << 10;
  }
  return kUnknown;
}

// What the control group leaves; its use counts file caches, too, which it
// gives back.
int64_t GroupAvailableBytes() {
  const std::string group = "/sys/fs/cgroup/memory.";
  const int64_t limit = NumberIn(group + "max");
  const int64_t used = NumberIn(group + "current");
  if (limit == kUnknown || used == kUnknown) return kUnknown;
  std::ifstream stat(group + "stat");
  std::string word;
  int64_t bytes = 0, caches = 0;
  while (stat >> word >> bytes) {
    if (word == "inactive_file" || word == "active_file") caches += bytes;
  }
  return limit - used + caches;
}

// What makes the run fit, by asking the plan; empty if none of it does.
std::string Remedy(RunConfig config, const Mesh& mesh, int rank, int64_t fits) {
  const auto planned = [&] {
    const auto plan = TrainingStep::Plan(config, mesh, rank);
    return plan.ok() ? plan->memory.total() : kUnknown;
  };
  for (const ActivationCheckpointing mode : {SELECTIVE, FULL}) {
    if (mode <= config.activation_checkpointing()) continue;
    config.set_activation_checkpointing(mode);
    if (planned() <= fits) {
      return absl::StrCat("set activation_checkpointing: ",
                          ActivationCheckpointing_Name(mode));
    }
  }
  config.mutable_batch()->set_micro_batch_size(1);
  if (planned() > fits) return "";
  return "set batch.micro_batch_size: 1 and activation_checkpointing: FULL";
}

}  // namespace

int64_t AvailableMemoryBytes() {
  return std::min(SystemAvailableBytes(), GroupAvailableBytes());
}

absl::Status CheckMemory(const RunConfig& config, const Placement& placement,
                         int64_t available_bytes) {
  const int64_t ranks = placement.local_size;
  const int64_t fits = available_bytes / ranks;
  COG_ASSIGN_OR_RETURN(const Mesh mesh,
                       Mesh::Create(placement.world_size, config.parallel()));
  COG_ASSIGN_OR_RETURN(const StepPlan plan,
                       TrainingStep::Plan(config, mesh, placement.rank));
  const int64_t needed = plan.memory.total();
  if (needed <= fits) return absl::OkStatus();
  const std::string remedy = Remedy(config, mesh, placement.rank, fits);
  return absl::InvalidArgumentError(absl::StrCat(
      "model: a rank needs ", FormatBytes(needed), " of memory by plan, ",
      "and this machine has ", FormatBytes(available_bytes), " left for ",
      ranks, ranks == 1 ? " rank; " : " ranks; ",
      remedy.empty() ? "use a smaller model.cogformer, or fewer ranks on each "
                       "machine"
                     : remedy));
}

}  // namespace cogdist
