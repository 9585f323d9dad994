// RMSNorm on a GPU: what kernels/rmsnorm.h says, of contiguous rows.

#ifndef COGDIST_KERNELS_CUDA_RMSNORM_LAUNCH_H_
#define COGDIST_KERNELS_CUDA_RMSNORM_LAUNCH_H_

#include "kernels/cuda/element_type.h"

namespace cogdist::cuda {

struct RmsNormForwardLaunch {
  void* y;      // [rows, hidden] type
  float* rstd;  // [rows]
  void* sum;    // [rows, hidden] type; null without residual
  const void* x;
  const void* residual;  // or null
  const void* gain;      // [hidden] gain_type
  int64_t rows, hidden;
  float eps;
  ElementType type, gain_type;
};
void LaunchRmsNormForward(GpuStream stream, const RmsNormForwardLaunch& args);

struct RmsNormBackwardLaunch {
  void* dx;           // [rows, hidden] type; may be residual_gradient
  float* dgain;       // [hidden], accumulated
  float* partial;     // [RowRanges(rows, hidden), hidden] of scratch
  const void* dy;     // [rows, hidden] type
  const void* x;      // [rows, hidden] type
  const void* gain;   // [hidden] gain_type
  const float* rstd;  // [rows]
  const void* residual_gradient;  // [rows, hidden] type, or null
  int64_t rows, hidden;
  ElementType type, gain_type;
};
void LaunchRmsNormBackward(GpuStream stream, const RmsNormBackwardLaunch& args);

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_RMSNORM_LAUNCH_H_
