// What Launch() does when CUDA refuses a kernel.

#ifndef COGDIST_KERNELS_CUDA_NVCC_LAUNCH_FAILED_H_
#define COGDIST_KERNELS_CUDA_NVCC_LAUNCH_FAILED_H_

namespace cogdist::cuda {

// Ends the program with the call, its error, rank and step. A declaration that
// nvcc reads without what it needs to be defined.
[[noreturn]] void LaunchFailed(const char* call, const char* error);

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_NVCC_LAUNCH_FAILED_H_
