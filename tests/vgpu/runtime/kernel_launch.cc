// Kernels on streams.

#include <cstddef>
#include <cstring>
#include <mutex>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/vgpu/runtime/call.h"
#include "tests/vgpu/runtime/machine.h"
#include "tests/vgpu/runtime/stream.h"
#include "tests/vgpu/simt/run_kernel.h"

namespace cogdist::vgpu {
namespace {

constexpr const char* kName = "cudaLaunchKernel";

// A launch with its own copy of the arguments, for later.
class KeptLaunch {
 public:
  explicit KeptLaunch(const simt::KernelLaunch& launch)
      : launch_(launch),
        arguments_((launch.argument_bytes + sizeof(std::max_align_t) - 1) /
                   sizeof(std::max_align_t)) {
    if (launch.argument_bytes > 0) {
      std::memcpy(arguments_.data(), launch.arguments, launch.argument_bytes);
    }
  }
  simt::KernelLaunch Get() const {
    simt::KernelLaunch launch = launch_;
    launch.arguments = arguments_.data();
    return launch;
  }

 private:
  simt::KernelLaunch launch_;
  std::vector<std::max_align_t> arguments_;
};

cudaError_t Launch(Stream& stream, const simt::KernelLaunch& launch) {
  Call call(kName);
  if (call.Find(&stream) == nullptr) return call.error;
  if (call.device != stream.device()) {
    return call.Misuse(
        cudaErrorInvalidResourceHandle,
        absl::StrCat("the stream is device ", stream.device(),
                     "'s, not the current device ", call.device, "'s"));
  }
  if (auto report =
          simt::CheckShape(launch, stream.machine().shared_bytes_per_block())) {
    return call.Misuse(cudaErrorInvalidConfiguration, report->ToString());
  }
  return stream.Submit(kName, [kept = KeptLaunch(launch)](Work* work) {
    *work = [kept](Stream& on) { on.RunKernel(kept.Get()); };
    return cudaSuccess;
  });
}

}  // namespace

const char* Stream::Enqueue(const simt::KernelLaunch& launch) {
  const cudaError_t error = Launch(*this, launch);
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

void Stream::RunKernel(const simt::KernelLaunch& launch) {
  // After a fault a device does nothing more.
  if (machine_.IsBroken(device_)) return;
  const std::lock_guard lock(machine_.baton(device_));
  if (environment_ == nullptr) {
    const Options& options = machine_.options();
    environment_.reset(new simt::Environment{
        .options = {.seed = options.seed + number_,
                    .truncate_mma = true,
                    .checked = options.check_kernels},
        .memory = simt::BufferCache(machine_.memory(device_))});
  }
  if (const auto report =
          simt::RunKernel(*environment_, launch, BeginOperation())) {
    machine_.Report(absl::StrCat(report->ToString(), "\n  on ", ToString()));
    machine_.SetBroken(device_);
  }
}

}  // namespace cogdist::vgpu
