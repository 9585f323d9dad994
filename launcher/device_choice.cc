#include "launcher/device_choice.h"

#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/process.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// NOT_FOUND where there is none.
absl::StatusOr<DeviceChoice> ChooseGpu(int local_rank, OpenGpus open) {
  COG_ASSIGN_OR_RETURN(const GpuBackend* const gpus, open());
  COG_ASSIGN_OR_RETURN(const int count, gpus->count_devices());
  if (count == 0) {
    return absl::NotFoundError(absl::StrCat(
        "this process can use no GPU of ", HostName(),
        "; see nvidia-smi and CUDA_VISIBLE_DEVICES, or set device: CPU"));
  }
  return DeviceChoice{
      .type = DeviceType::kCuda, .gpus = gpus, .index = local_rank % count};
}

}  // namespace

absl::StatusOr<DeviceChoice> ChooseDevice(DeviceKind wanted, int local_rank) {
  if (wanted == AUTO && !MayHaveGpus()) return DeviceChoice();
  return ChooseDevice(wanted, local_rank, [] { return OpenGpuBackend(); });
}

absl::StatusOr<DeviceChoice> ChooseDevice(DeviceKind wanted, int local_rank,
                                          OpenGpus open) {
  if (wanted == CPU) return DeviceChoice();
  absl::StatusOr<DeviceChoice> gpu = ChooseGpu(local_rank, open);
  if (gpu.ok()) return gpu;
  if (wanted == CUDA) {
    return absl::InvalidArgumentError(
        absl::StrCat("device: CUDA: ", gpu.status().message()));
  }
  DeviceChoice cpu;
  if (!absl::IsNotFound(gpu.status())) cpu.gpus_status = gpu.status();
  return cpu;
}

void WarnOfUnusedGpus(const DeviceChoice& choice, std::ostream& out) {
  if (choice.gpus_status.ok()) return;
  out << "cogdist: warning: device: AUTO takes the CPU, although this machine "
         "may have GPUs: "
      << choice.gpus_status.message() << std::endl;
}

DeviceType PlannedDevice(DeviceKind wanted) {
  if (wanted == CUDA) return DeviceType::kCuda;
  const absl::StatusOr<DeviceChoice> choice = ChooseDevice(wanted, 0);
  return choice.ok() ? choice->type : DeviceType::kCpu;
}

absl::Status CheckOwnGpu(const DeviceChoice& choice, const Placement& placement,
                         Communicator& world) {
  if (world.size() == 1) return absl::OkStatus();
  const absl::StatusOr<std::string> place =
      choice.gpus->place_of_device(choice.index);
  // A rank that cannot tell takes part; its device will not open.
  const std::vector<std::string> places = world.AllGatherStrings(absl::StrCat(
      place.ok() ? *place : absl::StrCat("of rank ", placement.rank), " of ",
      HostName(), "/", placement.node));
  std::map<std::string, int> first;
  for (int rank = 0; rank < world.size(); ++rank) {
    const auto [other, added] = first.emplace(places[rank], rank);
    if (added) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "device: ranks ", other->second, " and ", rank, " would share GPU ",
        places[rank].substr(0, places[rank].rfind('/')),
        ", and each needs one for itself; start as many ranks on a machine as "
        "it has GPUs, or set device: CPU"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Device>> OpenDevice(const DeviceChoice& choice) {
  if (choice.gpus == nullptr) return std::make_unique<CpuDevice>();
  return choice.gpus->create_device(choice.index);
}

}  // namespace cogdist
