// What launchers of kernels share, in host code without CUDA's headers.

#ifndef COGDIST_KERNELS_CUDA_ELEMENT_TYPE_H_
#define COGDIST_KERNELS_CUDA_ELEMENT_TYPE_H_

#include <cstddef>
#include <cstdint>

struct CUstream_st;  // CUDA's, behind cudaStream_t

namespace cogdist::cuda {

using GpuStream = CUstream_st*;

enum class ElementType { kFloat32, kBFloat16 };

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_ELEMENT_TYPE_H_
