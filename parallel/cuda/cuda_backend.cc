// The CUDA module's entry.

#include <utility>

#include "kernels/cuda/operations.h"
#include "parallel/cuda/nccl_communicator.h"
#include "parallel/cuda/nccl_order.h"
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

const GpuBackend* Prepare() {
  PrepareNcclOrder();
  return &kBackend;
}

}  // namespace
}  // namespace cogdist

extern "C" const cogdist::GpuBackend* CogdistGpuBackend() {
  static const cogdist::GpuBackend* const backend = cogdist::Prepare();
  return backend;
}
