#include "runtime/cuda/cuda_device.h"

#include <cuda_runtime_api.h>
#include <nvtx3/nvToolsExt.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "runtime/cuda/cuda_status.h"
#include "runtime/cuda/cuda_stream.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// Asked for instead of linked, so that the module opens without a driver, too,
// and can say that there is none.
absl::StatusOr<StreamWriteValue> FindStreamWriteValue() {
  constexpr unsigned int kSinceCuda12 = 12000;
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
  COG_RETURN_IF_ERROR(CudaStatus(
      cudaGetDriverEntryPointByVersion("cuStreamWriteValue64", &function,
                                       kSinceCuda12, cudaEnableDefault, &found),
      "cudaGetDriverEntryPointByVersion"));
  if (found != cudaDriverEntryPointSuccess) {
    return absl::UnavailableError(
        "the GPU's driver has no cuStreamWriteValue64; update it");
  }
  return reinterpret_cast<StreamWriteValue>(function);
}

absl::StatusOr<int> AttributeOf(int index, cudaDeviceAttr attribute) {
  int value = 0;
  COG_RETURN_IF_ERROR(
      CudaStatus(cudaDeviceGetAttribute(&value, attribute, index),
                 "cudaDeviceGetAttribute"));
  return value;
}

// There are kernels for 8.0 and, made by the driver, all that is later.
absl::Status CheckCapability(int index) {
  constexpr int kLeastMajor = 8;
  COG_ASSIGN_OR_RETURN(const int major,
                       AttributeOf(index, cudaDevAttrComputeCapabilityMajor));
  COG_ASSIGN_OR_RETURN(const int minor,
                       AttributeOf(index, cudaDevAttrComputeCapabilityMinor));
  if (major >= kLeastMajor) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("GPU ", index, " has compute capability ", major, ".", minor,
                   ", but the kernels want ", kLeastMajor,
                   ".0 or later, as A100 and H100 have; set device: CPU, or "
                   "leave it out in CUDA_VISIBLE_DEVICES"));
}

// "12.4" of 12040.
std::string VersionText(int version) {
  return absl::StrCat(version / 1000, ".", version % 1000 / 10);
}

// CUDA calls no driver an old one.
absl::StatusOr<int> CountWithInsufficientDriver() {
  int driver = 0, runtime = 0;
  COG_RETURN_IF_ERROR(
      CudaStatus(cudaDriverGetVersion(&driver), "cudaDriverGetVersion"));
  if (driver == 0) return 0;
  COG_RETURN_IF_ERROR(
      CudaStatus(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion"));
  return absl::UnavailableError(absl::StrCat(
      "the GPU's driver is one for CUDA ", VersionText(driver),
      ", and cogdist was built with CUDA ", VersionText(runtime),
      "; update the driver, build with an older toolkit, or set device: CPU"));
}

}  // namespace

absl::StatusOr<int> CudaDevice::Count() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorNoDevice) return 0;
  if (error == cudaErrorInsufficientDriver) {
    return CountWithInsufficientDriver();
  }
  COG_RETURN_IF_ERROR(CudaStatus(error, "cudaGetDeviceCount"));
  return count;
}

absl::StatusOr<std::string> CudaDevice::PlaceOf(int index) {
  char place[32] = "";
  COG_RETURN_IF_ERROR(
      CudaStatus(cudaDeviceGetPCIBusId(place, sizeof(place), index),
                 "cudaDeviceGetPCIBusId"));
  return std::string(place);
}

absl::StatusOr<std::unique_ptr<CudaDevice>> CudaDevice::Create(
    int index, const KernelTable& kernels) {
  COG_ASSIGN_OR_RETURN(const int count, Count());
  if (index < 0 || index >= count) {
    return absl::UnavailableError(absl::StrCat(
        "there is no GPU ", index, ": this process can use ", count,
        "; see nvidia-smi and CUDA_VISIBLE_DEVICES, or set device: CPU"));
  }
  COG_RETURN_IF_ERROR(CudaStatus(cudaSetDevice(index), "cudaSetDevice"));
  COG_RETURN_IF_ERROR(CheckCapability(index));
  Traits traits;
  COG_ASSIGN_OR_RETURN(traits.multiprocessors,
                       AttributeOf(index, cudaDevAttrMultiProcessorCount));
  COG_ASSIGN_OR_RETURN(
      traits.shared_bytes_per_block,
      AttributeOf(index, cudaDevAttrMaxSharedMemoryPerBlockOptin));
  COG_ASSIGN_OR_RETURN(const StreamWriteValue stream_write_value,
                       FindStreamWriteValue());
  return std::unique_ptr<CudaDevice>(
      new CudaDevice(index, traits, kernels, stream_write_value));
}

CudaDevice::~CudaDevice() {
  // What is left is a leak of ours; CUDA would keep it until the process ends.
  COG_CHECK_EQ(memory_.current_bytes, 0);
}

absl::StatusOr<void*> CudaDevice::Allocate(int64_t bytes) {
  COG_CHECK_GE(bytes, 0);
  COG_CHECK_CUDA(cudaSetDevice(index_));
  void* memory = nullptr;
  // CUDA has no empty blocks, and tensors without elements have an address.
  const cudaError_t error = cudaMalloc(&memory, std::max<int64_t>(bytes, 1));
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // or the next kernel would be blamed for it
    size_t free = 0, total = 0;
    COG_CHECK_CUDA(cudaMemGetInfo(&free, &total));
    return absl::ResourceExhaustedError(absl::StrCat(
        "cannot allocate ", bytes, " bytes of GPU ", index_,
        "'s memory: ", free, " of ", total, " bytes are free, and ",
        memory_.current_bytes, " bytes are in use by this rank"));
  }
  COG_RETURN_IF_ERROR(CudaStatus(error, "cudaMalloc"));
  memory_.current_bytes += bytes;
  memory_.peak_bytes = std::max(memory_.peak_bytes, memory_.current_bytes);
  return memory;
}

void CudaDevice::Free(void* memory, int64_t bytes) {
  if (memory == nullptr) return;
  COG_CHECK_CUDA(cudaSetDevice(index_));
  COG_CHECK_CUDA(cudaFree(memory));
  memory_.current_bytes -= bytes;
}

int64_t CudaDevice::AvailableBytes() const {
  COG_CHECK_CUDA(cudaSetDevice(index_));
  size_t free = 0, total = 0;
  COG_CHECK_CUDA(cudaMemGetInfo(&free, &total));
  return static_cast<int64_t>(free);
}

absl::StatusOr<void*> CudaDevice::AllocateHost(int64_t bytes) {
  COG_CHECK_GE(bytes, 0);
  COG_CHECK_CUDA(cudaSetDevice(index_));
  void* memory = nullptr;
  const cudaError_t error =
      cudaHostAlloc(&memory, std::max<int64_t>(bytes, 1), cudaHostAllocDefault);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // or the next kernel would be blamed for it
    return absl::ResourceExhaustedError(absl::StrCat(
        "cannot allocate ", bytes, " bytes of pinned host memory"));
  }
  COG_RETURN_IF_ERROR(CudaStatus(error, "cudaHostAlloc"));
  return memory;
}

void CudaDevice::FreeHost(void* memory) {
  if (memory != nullptr) COG_CHECK_CUDA(cudaFreeHost(memory));
}

void CudaDevice::PushRange(const char* name) { nvtxRangePushA(name); }

void CudaDevice::PopRange() { nvtxRangePop(); }

std::unique_ptr<Stream> CudaDevice::CreateStream() {
  return std::make_unique<CudaStream>(*this);
}

}  // namespace cogdist
