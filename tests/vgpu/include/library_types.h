// The element types that CUDA's libraries share; see cuda_runtime_api.h.

#ifndef COGDIST_TESTS_VGPU_INCLUDE_LIBRARY_TYPES_H_
#define COGDIST_TESTS_VGPU_INCLUDE_LIBRARY_TYPES_H_

typedef enum cudaDataType_t {
  CUDA_R_32F = 0,
  CUDA_R_16F = 2,
  CUDA_R_16BF = 14,
} cudaDataType;

#endif  // COGDIST_TESTS_VGPU_INCLUDE_LIBRARY_TYPES_H_
