// The part of the CUDA driver's interface that cogdist uses; see
// cuda_runtime_api.h.

#ifndef COGDIST_TESTS_VGPU_INCLUDE_CUDA_H_
#define COGDIST_TESTS_VGPU_INCLUDE_CUDA_H_

#include <stdint.h>

typedef enum cudaError_enum {
  CUDA_SUCCESS = 0,
  CUDA_ERROR_INVALID_VALUE = 1,
} CUresult;

typedef unsigned long long CUdeviceptr;
typedef uint64_t cuuint64_t;
typedef struct CUstream_st* CUstream;

enum CUstreamWriteValue_flags { CU_STREAM_WRITE_VALUE_DEFAULT = 0x0 };

extern "C" {

// `addr` may be pinned memory of the host, too.
CUresult cuStreamWriteValue64(CUstream stream, CUdeviceptr addr,
                              cuuint64_t value, unsigned int flags);

}  // extern "C"

#endif  // COGDIST_TESTS_VGPU_INCLUDE_CUDA_H_
