// What a rank computes on: the configuration's `device` against what its
// machine has.

#ifndef COGDIST_LAUNCHER_DEVICE_CHOICE_H_
#define COGDIST_LAUNCHER_DEVICE_CHOICE_H_

#include <cstdint>
#include <iosfwd>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "parallel/communicator.h"
#include "parallel/gpu_backend.h"
#include "parallel/rank_context.h"
#include "proto/run_config.pb.h"
#include "runtime/device.h"

namespace cogdist {

struct DeviceChoice {
  DeviceType type = DeviceType::kCpu;
  const GpuBackend* gpus = nullptr;  // null for the CPU
  int index = 0;                     // of the GPU
  // Of AUTO that took the CPU: why the GPUs that the machine may have cannot be
  // used. OK where it has none, or this process sees none.
  absl::Status gpus_status;
};

// Where GPUs' module comes from.
using OpenGpus = absl::FunctionRef<absl::StatusOr<const GpuBackend*>()>;

// Of the GPUs that the rank sees, one by its local rank. AUTO is the CPU where
// no GPU can be used, for whatever reason; it does not open the module where
// there is no driver. InvalidArgument says what CUDA lacks.
absl::StatusOr<DeviceChoice> ChooseDevice(DeviceKind wanted, int local_rank);
absl::StatusOr<DeviceChoice> ChooseDevice(DeviceKind wanted, int local_rank,
                                          OpenGpus open);

// A line for people where GPUs that may be there are not used.
void WarnOfUnusedGpus(const DeviceChoice& choice, std::ostream& out);

// For plans: CUDA needs no GPU.
DeviceType PlannedDevice(DeviceKind wanted);

// Whether every rank of `world`, all of which compute on GPUs, has one for
// itself: NCCL wants that. Collective, the same on every rank.
absl::Status CheckOwnGpu(const DeviceChoice& choice, const Placement& placement,
                         Communicator& world);

absl::StatusOr<std::unique_ptr<Device>> OpenDevice(const DeviceChoice& choice);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_DEVICE_CHOICE_H_
