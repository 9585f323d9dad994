// From tensors and streams to what launches take.

#ifndef COGDIST_KERNELS_CUDA_LAUNCH_ARGS_H_
#define COGDIST_KERNELS_CUDA_LAUNCH_ARGS_H_

#include "kernels/cuda/element_type.h"
#include "runtime/check.h"
#include "runtime/cuda/cuda_stream.h"
#include "runtime/tensor.h"

namespace cogdist::cuda {

inline GpuStream HandleOf(Stream& stream) {
  return AsCudaStream(stream).handle();
}

inline ElementType TypeOf(const TensorView& x) {
  if (x.dtype == DType::kBFloat16) return ElementType::kBFloat16;
  COG_CHECK(x.dtype == DType::kFloat32, "no kernel for ", x.ToString());
  return ElementType::kFloat32;
}

// The memory of a tensor that may be absent.
template <typename T>
T* DataOrNull(const TensorView& x) {
  return x ? x.Data<T>() : nullptr;
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_LAUNCH_ARGS_H_
