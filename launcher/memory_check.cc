#include "launcher/memory_check.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "launcher/human_format.h"
#include "launcher/memory_remedy.h"
#include "launcher/training_step.h"
#include "runtime/check.h"
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

}  // namespace

int64_t AvailableMemoryBytes() {
  return std::min(SystemAvailableBytes(), GroupAvailableBytes());
}

absl::StatusOr<std::vector<PlacedPlan>> GatherPlans(const RunConfig& config,
                                                    const Placement& placement,
                                                    Communicator& world) {
  static_assert(std::is_trivially_copyable_v<PlacedPlan>);
  COG_ASSIGN_OR_RETURN(const Mesh mesh,
                       Mesh::Create(placement.world_size, config.parallel()));
  PlacedPlan mine = {.node = placement.node};
  COG_ASSIGN_OR_RETURN(mine.plan,
                       TrainingStep::Plan(config, mesh, placement.rank));
  const absl::string_view bytes(reinterpret_cast<const char*>(&mine),
                                sizeof(mine));
  std::vector<PlacedPlan> plans;
  for (const std::string& other : world.AllGatherStrings(bytes)) {
    COG_CHECK_EQ(other.size(), sizeof(PlacedPlan));
    std::memcpy(&plans.emplace_back(), other.data(), sizeof(PlacedPlan));
  }
  return plans;
}

absl::Status CheckMemory(const RunConfig& config, const Placement& placement,
                         absl::Span<const PlacedPlan> plans,
                         int64_t available_bytes) {
  std::vector<int> ranks;
  MemoryNeed need;
  for (size_t rank = 0; rank < plans.size(); ++rank) {
    if (plans[rank].node != placement.node) continue;
    const int64_t bytes = plans[rank].plan.memory.total();
    need.total += bytes;
    need.largest = std::max(need.largest, bytes);
    ranks.push_back(static_cast<int>(rank));
  }
  if (need.total <= available_bytes) return absl::OkStatus();
  const std::string who = ranks.size() == 1 ? "a rank needs "
                                            : absl::StrCat("the ", ranks.size(),
                                                           " ranks here need ");
  const bool lowest = placement.rank == placement.node;
  return absl::InvalidArgumentError(absl::StrCat(
      "model: ", who, FormatNeed(need, ranks.size()),
      " of memory by plan, and this machine has ", FormatBytes(available_bytes),
      " left",
      lowest ? absl::StrCat("; ", MemoryAdvice(config, placement.world_size,
                                               ranks, available_bytes))
             : ""));
}

std::string MemoryAdvice(const RunConfig& config, int world_size,
                         absl::Span<const int> ranks, int64_t available_bytes) {
  const std::optional<MemoryRemedy> remedy =
      FindMemoryRemedy(config, world_size, ranks, available_bytes);
  if (!remedy.has_value()) {
    return "use a smaller model.cogformer, or fewer ranks on each machine";
  }
  return absl::StrCat("set ", remedy->changes, ", to need ",
                      FormatNeed(remedy->need, ranks.size()));
}

}  // namespace cogdist
