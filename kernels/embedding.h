// Embedding look-up. A table may hold only the rows
// [first_id, first_id + table rows) of the vocabulary; other ids give zeros and
// get no gradient, so that shards add up to the whole.

#ifndef COGDIST_KERNELS_EMBEDDING_H_
#define COGDIST_KERNELS_EMBEDDING_H_

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

struct EmbeddingForwardArgs {
  TensorView y;      // [rows, hidden]
  TensorView table;  // [vocab, hidden]
  TensorView ids;    // [rows] int32
  int64_t first_id = 0;
};
void EmbeddingForward(Stream& stream, const EmbeddingForwardArgs& args);

// Sums in the order of the rows: the same bits whatever the thread count.
struct EmbeddingBackwardArgs {
  TensorView dtable;  // [vocab, hidden] float32, accumulated
  TensorView dy;      // [rows, hidden]
  TensorView ids;     // [rows] int32
  int64_t first_id = 0;
};
void EmbeddingBackward(Stream& stream, const EmbeddingBackwardArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_EMBEDDING_H_
