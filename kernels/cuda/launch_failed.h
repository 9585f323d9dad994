// How a kernel's launch ends that the device does not take.

#ifndef COGDIST_KERNELS_CUDA_LAUNCH_FAILED_H_
#define COGDIST_KERNELS_CUDA_LAUNCH_FAILED_H_

#include <cstdint>

namespace cogdist::cuda {

// Ends the program with the call, its error, rank and step.
[[noreturn]] void LaunchFailed(const char* call, const char* error);

// Likewise, of a kernel that wants more shared memory a block than there is.
[[noreturn]] void SharedMemoryRefused(int64_t wanted, int64_t available,
                                      const char* error);

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_LAUNCH_FAILED_H_
