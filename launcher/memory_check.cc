#include "launcher/memory_check.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>
#include <type_traits>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "launcher/human_format.h"
#include "launcher/training_step.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

constexpr int64_t kUnknownBytes = std::numeric_limits<int64_t>::max();

// The first number in a file of /sys/fs/cgroup; "max" and no file are unknown.
int64_t NumberIn(const std::string& path) {
  int64_t number = kUnknownBytes;
  return std::ifstream(path) >> number ? number : kUnknownBytes;
}

int64_t SystemAvailableBytes() {
  std::ifstream file("/proc/meminfo");
  std::string word;
  int64_t kibibytes = 0;
  while (file >> word) {
    if (word == "MemAvailable:" && file >> kibibytes) return kibibytes << 10;
  }
  return kUnknownBytes;
}

// What the control group leaves; its use counts file caches, too, which it
// gives back.
int64_t GroupAvailableBytes() {
  const std::string group = "/sys/fs/cgroup/memory.";
  const int64_t limit = NumberIn(group + "max");
  const int64_t used = NumberIn(group + "current");
  if (limit == kUnknownBytes || used == kUnknownBytes) return kUnknownBytes;
  std::ifstream stat(group + "stat");
  std::string word;
  int64_t bytes = 0, caches = 0;
  while (stat >> word >> bytes) {
    if (word == "inactive_file" || word == "active_file") caches += bytes;
  }
  return limit - used + caches;
}

std::vector<int> RanksHere(const Placement& placement,
                           absl::Span<const PlacedPlan> plans) {
  std::vector<int> ranks;
  for (size_t rank = 0; rank < plans.size(); ++rank) {
    if (plans[rank].node == placement.node) ranks.push_back(rank);
  }
  return ranks;
}

MemoryNeed NeedOf(absl::Span<const int> ranks,
                  absl::Span<const PlacedPlan> plans,
                  absl::FunctionRef<int64_t(const MemoryPlan&)> bytes_of) {
  MemoryNeed need;
  for (const int rank : ranks) {
    const int64_t bytes = bytes_of(plans[rank].plan.memory);
    need.total += bytes;
    need.largest = std::max(need.largest, bytes);
  }
  return need;
}

// "a rank needs", "the 4 ranks here need"
std::string Need(size_t ranks) {
  return ranks == 1 ? "a rank needs "
                    : absl::StrCat("the ", ranks, " ranks here need ");
}

absl::Status CheckHost(const RunConfig& config, const Placement& placement,
                       absl::Span<const PlacedPlan> plans,
                       int64_t available_bytes) {
  const MemoryLimit limit = {.bytes = available_bytes};
  const std::vector<int> ranks = RanksHere(placement, plans);
  const MemoryNeed need = NeedOf(
      ranks, plans, [&](const MemoryPlan& plan) { return limit.NeedOf(plan); });
  if (need.total <= available_bytes) return absl::OkStatus();
  const bool lowest = placement.rank == placement.node;
  return absl::InvalidArgumentError(absl::StrCat(
      "model: ", Need(ranks.size()), FormatNeed(need, ranks.size()),
      " of memory by plan, and this machine has ", FormatBytes(available_bytes),
      " left",
      lowest ? absl::StrCat("; ", MemoryAdvice(config, placement.world_size,
                                               ranks, limit))
             : ""));
}

absl::Status CheckGpu(const RunConfig& config, const Placement& placement,
                      absl::Span<const PlacedPlan> plans,
                      int64_t available_bytes) {
  const MemoryLimit limit =
      MemoryLimit::OfGpu(available_bytes, placement.world_size);
  const int64_t need = limit.NeedOf(plans[placement.rank].plan.memory);
  if (need <= limit.bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "model: a rank needs ", FormatBytes(need),
      " of GPU memory by plan, and its GPU has ",
      FormatLeft(limit, placement.world_size), "; ",
      MemoryAdvice(config, placement.world_size, {placement.rank}, limit)));
}

// Of what checkpoints hold, on the host.
absl::Status CheckCopies(const Placement& placement,
                         absl::Span<const PlacedPlan> plans,
                         int64_t available_bytes) {
  const std::vector<int> ranks = RanksHere(placement, plans);
  const MemoryNeed need = NeedOf(
      ranks, plans, [](const MemoryPlan& plan) { return plan.checkpoint; });
  if (need.total <= available_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "model: ", Need(ranks.size()), FormatNeed(need, ranks.size()),
      " of host memory by plan for copies of checkpoints, and this machine "
      "has ",
      FormatBytes(available_bytes), " left; use fewer ranks on each machine"));
}

}  // namespace

int64_t AvailableMemoryBytes() {
  return std::min(SystemAvailableBytes(), GroupAvailableBytes());
}

absl::StatusOr<std::vector<PlacedPlan>> GatherPlans(const RunConfig& config,
                                                    const Placement& placement,
                                                    Communicator& world,
                                                    DeviceType device) {
  static_assert(std::is_trivially_copyable_v<PlacedPlan>);
  COG_ASSIGN_OR_RETURN(const Mesh mesh,
                       Mesh::Create(placement.world_size, config.parallel()));
  PlacedPlan mine = {.node = placement.node};
  COG_ASSIGN_OR_RETURN(
      mine.plan, TrainingStep::Plan(config, mesh, placement.rank, device));
  const absl::string_view bytes(reinterpret_cast<const char*>(&mine),
                                sizeof(mine));
  std::vector<PlacedPlan> plans;
  for (const std::string& other : world.AllGatherStrings(bytes)) {
    COG_CHECK_EQ(other.size(), sizeof(PlacedPlan));
    std::memcpy(&plans.emplace_back(), other.data(), sizeof(PlacedPlan));
  }
  return plans;
}

AvailableMemory AvailableTo(const Device& device) {
  AvailableMemory available = {.host = AvailableMemoryBytes()};
  if (device.type() == DeviceType::kCuda) {
    available.gpu = device.AvailableBytes();
  }
  return available;
}

absl::Status CheckMemory(const RunConfig& config, const Placement& placement,
                         absl::Span<const PlacedPlan> plans,
                         const AvailableMemory& available) {
  if (!available.gpu.has_value()) {
    return CheckHost(config, placement, plans, available.host);
  }
  COG_RETURN_IF_ERROR(CheckGpu(config, placement, plans, *available.gpu));
  return CheckCopies(placement, plans, available.host);
}

std::string MemoryAdvice(const RunConfig& config, int world_size,
                         absl::Span<const int> ranks,
                         const MemoryLimit& limit) {
  const std::optional<MemoryRemedy> remedy =
      FindMemoryRemedy(config, world_size, ranks, limit);
  if (!remedy.has_value()) {
    return limit.device == DeviceType::kCuda
               ? "use a smaller model.cogformer, or more ranks with greater "
                 "degrees in parallel"
               : "use a smaller model.cogformer, or fewer ranks on each "
                 "machine";
  }
  return absl::StrCat("set ", remedy->changes, ", to need ",
                      FormatNeed(remedy->need, ranks.size()));
}

}  // namespace cogdist
