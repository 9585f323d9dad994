// Embedding look-up on a GPU: what kernels/embedding.h says, of contiguous
// rows.

#ifndef COGDIST_KERNELS_CUDA_EMBEDDING_LAUNCH_H_
#define COGDIST_KERNELS_CUDA_EMBEDDING_LAUNCH_H_

#include "kernels/cuda/element_type.h"

namespace cogdist::cuda {

struct EmbeddingForwardLaunch {
  void* y;             // [rows, hidden] type
  const void* table;   // [vocab, hidden] table_type
  const int32_t* ids;  // [rows]
  int64_t rows, hidden, vocab;
  int64_t first_id;
  ElementType type, table_type;
};
void LaunchEmbeddingForward(GpuStream stream,
                            const EmbeddingForwardLaunch& args);

// Deterministic without atomics: a block for the first row of each id sums, in
// the order of the rows, all that have it. Reads the ids rows times: 4 rows^2
// bytes, from the cache, nothing beside the layers for up to 10^5 rows.
struct EmbeddingBackwardLaunch {
  float* dtable;       // [vocab, hidden], accumulated
  const void* dy;      // [rows, hidden] type
  const int32_t* ids;  // [rows], fewer than 2^31
  int64_t rows, hidden, vocab;
  int64_t first_id;
  ElementType type;
};
void LaunchEmbeddingBackward(GpuStream stream,
                             const EmbeddingBackwardLaunch& args);

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_EMBEDDING_LAUNCH_H_
