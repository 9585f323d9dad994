// The CUDA module's entry.

#include <cstdlib>
#include <utility>

#include "kernels/cuda/operations.h"
#include "parallel/cuda/nccl_communicator.h"
#include "parallel/gpu_backend.h"
#include "runtime/cuda/cuda_device.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::StatusOr<std::unique_ptr<Device>> CreateDevice(int index) {
  COG_ASSIGN_OR_RETURN(std::unique_ptr<CudaDevice> device,
                       CudaDevice::Create(index, cuda::kOperations));
  return std::unique_ptr<Device>(std::move(device));
}

constexpr GpuBackend kBackend = {
    .count_devices = CudaDevice::Count,
    .place_of_device = CudaDevice::PlaceOf,
    .create_device = CreateDevice,
    .create_communicator = NcclCommunicator::Create};

// Sets the environment for CUDA and NCCL, which look when they are first used.
// A rank's groups communicate side by side, on streams of their own, and an
// operation keeps part of its GPU until its peers have come: GPUs that began
// them in different orders, or streams that kept each other up, might make
// ranks wait without end.
const GpuBackend* Prepare() {
  constexpr int kKeepTheUsers = 0;
  // From 2.26 on NCCL can begin operations in the order of the calls.
  setenv("NCCL_LAUNCH_ORDER_IMPLICIT", "1", kKeepTheUsers);
  // As many queues as there can be, for as many streams; 8 are the default.
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", kKeepTheUsers);
  return &kBackend;
}

}  // namespace
}  // namespace cogdist

extern "C" const cogdist::GpuBackend* CogdistGpuBackend() {
  static const cogdist::GpuBackend* const backend = cogdist::Prepare();
  return backend;
}
