// LayerNorm on a GPU: what kernels/layernorm.h says, of contiguous rows.

#ifndef COGDIST_KERNELS_CUDA_LAYERNORM_LAUNCH_H_
#define COGDIST_KERNELS_CUDA_LAYERNORM_LAUNCH_H_

#include "kernels/cuda/element_type.h"

namespace cogdist::cuda {

struct LayerNormForwardLaunch {
  void* y;      // [rows, hidden] type
  float* mean;  // [rows]
  float* rstd;  // [rows]
  void* sum;    // [rows, hidden] type; null without residual
  const void* x;
  const void* residual;  // or null
  const void* gain;      // [hidden] gain_type, as is bias
  const void* bias;
  int64_t rows, hidden;
  float eps;
  ElementType type, gain_type;
};
void LaunchLayerNormForward(GpuStream stream,
                            const LayerNormForwardLaunch& args);

struct LayerNormBackwardLaunch {
  void* dx;           // [rows, hidden] type; may be residual_gradient
  float* dgain;       // [hidden], accumulated
  float* dbias;       // [hidden], accumulated
  float* partial;     // [RowRanges(rows, hidden), 2, hidden] of scratch
  const void* dy;     // [rows, hidden] type
  const void* x;      // [rows, hidden] type
  const void* gain;   // [hidden] gain_type
  const float* mean;  // [rows]
  const float* rstd;  // [rows]
  const void* residual_gradient;  // [rows, hidden] type, or null
  int64_t rows, hidden;
  ElementType type, gain_type;
};
void LaunchLayerNormBackward(GpuStream stream,
                             const LayerNormBackwardLaunch& args);

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_LAYERNORM_LAUNCH_H_
