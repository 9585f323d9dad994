#include "launcher/dry_run.h"

#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "launcher/device_choice.h"
#include "launcher/human_format.h"
#include "launcher/memory_check.h"
#include "launcher/run_description.h"
#include "launcher/run_summary.h"
#include "launcher/training_step.h"
#include "launcher/validate.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

void KeepLarger(const StepPlan& plan, StepPlan& largest) {
  if (plan.memory.total() > largest.memory.total()) largest = plan;
}

// Of each stage the rank that needs the most memory. `plans` by rank.
std::vector<StepPlan> LargestByStage(const std::vector<PlacedPlan>& plans,
                                     const Mesh& mesh) {
  std::vector<StepPlan> largest(mesh.size(MeshAxis::kPipeline));
  for (size_t rank = 0; rank < plans.size(); ++rank) {
    StepPlan& stage =
        largest[mesh.Index(MeshAxis::kPipeline, static_cast<int>(rank))];
    KeepLarger(plans[rank].plan, stage);
  }
  return largest;
}

void PrintPlans(const RunConfig& config, const RunLayout& layout,
                const std::vector<StepPlan>& plans, std::ostream& out) {
  out << FormatStart(DescribeRun(config, layout, plans));
  const absl::Status files = ValidateFiles(config);
  if (!files.ok()) {
    out << "cogdist: warning: a run would fail, " << files.message() << "\n";
  }
  out << std::flush;
}

// For a rank on `device`; of a GPU that is not here nothing is known.
AvailableMemory AvailableHere(DeviceType device) {
  AvailableMemory available = {.host = AvailableMemoryBytes()};
  if (device != DeviceType::kCuda) return available;
  available.gpu = std::numeric_limits<int64_t>::max();
  const absl::StatusOr<DeviceChoice> choice = ChooseDevice(AUTO, 0);
  if (!choice.ok() || choice->gpus == nullptr) return available;
  const absl::StatusOr<std::unique_ptr<Device>> gpu = OpenDevice(*choice);
  return gpu.ok() ? AvailableTo(**gpu) : available;
}

}  // namespace

absl::Status DryRun(const RunConfig& config, const RankContext& context,
                    std::ostream& out) {
  const DeviceType device = PlannedDevice(config.device());
  COG_ASSIGN_OR_RETURN(
      const std::vector<PlacedPlan> plans,
      GatherPlans(config, context.placement, *context.groups.world, device));
  if (context.rank() != 0) return absl::OkStatus();
  PrintPlans(config,
             {.mesh = context.mesh,
              .threads = context.placement.num_threads,
              .device = device},
             LargestByStage(plans, context.mesh), out);
  // The plan may be one for other machines: no error.
  const absl::Status fits =
      CheckMemory(config, context.placement, plans, AvailableHere(device));
  if (!fits.ok()) out << "cogdist: warning: " << fits.message() << std::endl;
  return absl::OkStatus();
}

absl::Status DryRunFor(const RunConfig& config, int64_t ranks,
                       std::ostream& out) {
  COG_ASSIGN_OR_RETURN(const Mesh mesh, Mesh::Create(static_cast<int>(ranks),
                                                     config.parallel()));
  // Of uneven shares the first rank of a group has the largest; of a sequence,
  // the rank with the middle has other pieces to attend to than that with the
  // ends.
  const DeviceType device = PlannedDevice(config.device());
  const std::set<int> contexts = {0, mesh.size(MeshAxis::kContext) - 1};
  std::vector<StepPlan> plans(mesh.size(MeshAxis::kPipeline));
  for (int stage = 0; stage < static_cast<int>(plans.size()); ++stage) {
    for (const int context : contexts) {
      COG_ASSIGN_OR_RETURN(
          const StepPlan plan,
          TrainingStep::Plan(config, mesh, mesh.RankOf({0, context, 0, stage}),
                             device));
      KeepLarger(plan, plans[stage]);
    }
  }
  PrintPlans(config, {.mesh = mesh, .device = device}, plans, out);
  const AvailableMemory available = AvailableHere(device);
  const MemoryLimit limit =
      available.gpu.has_value()
          ? MemoryLimit::OfGpu(*available.gpu, mesh.world_size())
          : MemoryLimit{.bytes = available.host, .device = device};
  for (size_t stage = 0; stage < plans.size(); ++stage) {
    const int64_t needed = limit.NeedOf(plans[stage].memory);
    if (needed <= limit.bytes) continue;
    const int rank = mesh.RankOf({0, 0, 0, static_cast<int>(stage)});
    out << "cogdist: warning: a rank needs " << FormatBytes(needed)
        << (available.gpu.has_value()
                ? " of GPU memory by plan, and this machine's GPU has "
                : " of memory by plan, and this machine has ")
        << FormatLeft(limit, mesh.world_size()) << "; "
        << MemoryAdvice(config, mesh.world_size(), {rank}, limit) << std::endl;
    break;
  }
  return absl::OkStatus();
}

}  // namespace cogdist
