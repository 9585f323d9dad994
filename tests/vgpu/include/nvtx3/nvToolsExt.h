// The part of NVTX that cogdist uses; see cuda_runtime_api.h.

#ifndef COGDIST_TESTS_VGPU_INCLUDE_NVTX3_NVTOOLSEXT_H_
#define COGDIST_TESTS_VGPU_INCLUDE_NVTX3_NVTOOLSEXT_H_

extern "C" {

// How many ranges of this thread are open, but for the one that this opens or
// closes; negative without a profiler.
int nvtxRangePushA(const char* message);
int nvtxRangePop(void);

}  // extern "C"

#endif  // COGDIST_TESTS_VGPU_INCLUDE_NVTX3_NVTOOLSEXT_H_
