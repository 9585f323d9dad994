// Kernels on a GPU that look at each element once: rotary embedding, SwiGLU,
// AdamW, casts, additions, positions. What they compute is said in
// kernels/rope.h, swiglu.h, adamw.h, cast.h, elementwise.h and
// local_position.h.

#ifndef COGDIST_KERNELS_CUDA_ELEMENTWISE_LAUNCH_H_
#define COGDIST_KERNELS_CUDA_ELEMENTWISE_LAUNCH_H_

#include "kernels/cuda/element_type.h"
#include "kernels/runs.h"

namespace cogdist::cuda {

struct RopeLaunch {
  void* x;             // [batch, seq, heads, head_dim] type, rotated in place
  const float* table;  // [2, max_positions, head_dim / 2]
  int64_t batch, seq, heads, head_dim;
  int64_t batch_stride, seq_stride, head_stride;  // of x, in elements
  int64_t max_positions;
  int64_t first_position;
  bool inverse;
  ElementType type;
};
void LaunchRope(GpuStream stream, const RopeLaunch& args);

struct SwiGluForwardLaunch {
  void* y;              // [rows, ffn] type
  const void* gate_up;  // [rows, 2 ffn] type
  int64_t rows, ffn;
  ElementType type;
};
void LaunchSwiGluForward(GpuStream stream, const SwiGluForwardLaunch& args);

struct SwiGluBackwardLaunch {
  void* d_gate_up;      // [rows, 2 ffn] type; may be gate_up
  const void* dy;       // [rows, ffn] type
  const void* gate_up;  // [rows, 2 ffn] type
  int64_t rows, ffn;
  ElementType type;
};
void LaunchSwiGluBackward(GpuStream stream, const SwiGluBackwardLaunch& args);

// The update's constants, which the host computes in float64. minus_decay is
// kept apart from the 1 that it is added to: 1 - lr wd, rounded to float32,
// would be wrong by a per cent where lr wd is a few millionths.
struct AdamWLaunch {
  float* param;  // [n], updated, as are m and v
  float* m;
  float* v;
  uint16_t* weight;       // [n] bfloat16 copy of the new param, or null
  const float* gradient;  // [n]
  int64_t n;
  float gradient_scale;
  float beta1, one_minus_beta1;
  float beta2, one_minus_beta2;
  float minus_decay;   // -lr * weight_decay
  float step;          // -lr / (1 - beta1^t)
  float v_correction;  // 1 / (1 - beta2^t)
  float eps;
};
void LaunchAdamW(GpuStream stream, const AdamWLaunch& args);

struct CastLaunch {
  void* to;  // n elements of to_type
  const void* from;
  int64_t n;
  Runs runs;  // of `to` and `from`
  ElementType to_type, from_type;
};
void LaunchCast(GpuStream stream, const CastLaunch& args);

struct AddLaunch {
  void* y;  // n elements of type, y += x
  const void* x;
  int64_t n;
  Runs runs;  // of y and x
  ElementType type;
};
void LaunchAdd(GpuStream stream, const AddLaunch& args);

struct LocalPositionLaunch {
  int32_t* to;          // [n]
  const int32_t* from;  // [n]
  int64_t n;
  int64_t begin[2];
  int64_t length;
};
void LaunchLocalPosition(GpuStream stream, const LocalPositionLaunch& args);

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_ELEMENTWISE_LAUNCH_H_
