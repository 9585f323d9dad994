// GELU on a GPU: what kernels/gelu.h says.

#ifndef COGDIST_KERNELS_CUDA_GELU_LAUNCH_H_
#define COGDIST_KERNELS_CUDA_GELU_LAUNCH_H_

#include "kernels/cuda/element_type.h"

namespace cogdist::cuda {

struct GeluForwardLaunch {
  void* y;           // [rows, ffn] type; may be x
  const void* x;     // [rows, ffn] type
  const void* bias;  // [ffn] bias_type, or null
  int64_t rows, ffn;
  ElementType type, bias_type;
};
void LaunchGeluForward(GpuStream stream, const GeluForwardLaunch& args);

struct GeluBackwardLaunch {
  void* dx;        // [rows, ffn] type; may be dy or x
  float* dbias;    // [ffn], accumulated, or null
  float* partial;  // [RowRanges(rows, ffn), ffn] of scratch; null without dbias
  const void* dy;  // [rows, ffn] type
  const void* x;   // [rows, ffn] type
  const void* bias;  // [ffn] bias_type, or null
  int64_t rows, ffn;
  ElementType type, bias_type;
};
void LaunchGeluBackward(GpuStream stream, const GeluBackwardLaunch& args);

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_GELU_LAUNCH_H_
