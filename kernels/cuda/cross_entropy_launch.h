// Softmax cross-entropy on a GPU: what kernels/cross_entropy.h says.

#ifndef COGDIST_KERNELS_CUDA_CROSS_ENTROPY_LAUNCH_H_
#define COGDIST_KERNELS_CUDA_CROSS_ENTROPY_LAUNCH_H_

#include "kernels/cuda/element_type.h"

namespace cogdist::cuda {

// Over the columns [first_id, first_id + columns) of the vocabulary.
struct CrossEntropyLaunch {
  float* loss = nullptr;    // [rows]
  void* dlogits = nullptr;  // [rows, columns] type, or null; float32 may be
                            // `logits`
  const float* logits;      // [rows, columns]
  const int32_t* targets;   // [rows], in the whole vocabulary
  int64_t rows, columns;
  int64_t first_id = 0;
  float gradient_scale = 1;
  ElementType type = ElementType::kFloat32;
  // Over the whole vocabulary; LaunchCrossEntropy needs neither.
  float* max = nullptr;   // [rows]: written by LaunchCrossEntropyMax
  float* sums = nullptr;  // [2, rows]: written by LaunchCrossEntropyStats
};

// loss and dlogits, where this rank holds the whole vocabulary.
void LaunchCrossEntropy(GpuStream stream, const CrossEntropyLaunch& args);
// max.
void LaunchCrossEntropyMax(GpuStream stream, const CrossEntropyLaunch& args);
// sums, from max.
void LaunchCrossEntropyStats(GpuStream stream, const CrossEntropyLaunch& args);
// loss and dlogits, from max and sums.
void LaunchCrossEntropyFinish(GpuStream stream, const CrossEntropyLaunch& args);

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_CROSS_ENTROPY_LAUNCH_H_
