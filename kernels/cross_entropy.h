// Softmax cross-entropy over a chunk of logits; statistics in float32, natural
// logarithm:
//   loss_i = logsumexp(logits_i) - logits_i[target_i],
//   dlogits_i = gradient_scale * (softmax(logits_i) - onehot(target_i)).
// A negative target means that the row does not count: loss and gradient 0.
//
// CrossEntropy() does it in one pass where a rank holds the whole vocabulary.
// Where each rank of a group holds the columns [first_id, first_id + columns)
// of it, the same is done in three stages with two all-reduces of a few numbers
// a row, and nobody ever holds whole rows:
//   CrossEntropyMax      then the maximum of `max` over the ranks,
//   CrossEntropyStats    then the sum of `sums` over the ranks,
//   CrossEntropyFinish   the loss, the same on all, and the columns' gradient.
// A rank may hold no columns at all. REQUIRES: every target is smaller than the
// vocabulary, which one shard cannot check.

#ifndef COGDIST_KERNELS_CROSS_ENTROPY_H_
#define COGDIST_KERNELS_CROSS_ENTROPY_H_

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

struct CrossEntropyArgs {
  TensorView loss;          // [rows] float32
  TensorView dlogits = {};  // [rows, vocab] float32 or bfloat16; absent in
                            // evaluation; float32 may be the memory of `logits`
  TensorView logits;        // [rows, vocab] float32
  TensorView targets;       // [rows] int32
  float gradient_scale = 1;
};
void CrossEntropy(Stream& stream, const CrossEntropyArgs& args);

// max_i = max_j logits_ij, -infinity where there are no columns.
struct CrossEntropyMaxArgs {
  TensorView max;     // [rows] float32
  TensorView logits;  // [rows, columns] float32
};
void CrossEntropyMax(Stream& stream, const CrossEntropyMaxArgs& args);

// sums[0, i] = sum_j exp(logits_ij - max_i),
// sums[1, i] = logits_i[target_i] - max_i, or 0 if another rank holds that
// column. Both are 0 where the target is negative.
struct CrossEntropyStatsArgs {
  TensorView sums;     // [2, rows] float32
  TensorView logits;   // [rows, columns] float32
  TensorView max;      // [rows] float32: over the whole vocabulary
  TensorView targets;  // [rows] int32, in the whole vocabulary
  int64_t first_id = 0;
};
void CrossEntropyStats(Stream& stream, const CrossEntropyStatsArgs& args);

// loss_i = log(sums[0, i]) - sums[1, i], and the gradient of the columns.
struct CrossEntropyFinishArgs {
  TensorView loss;          // [rows] float32
  TensorView dlogits = {};  // [rows, columns]; as in CrossEntropyArgs
  TensorView logits;        // [rows, columns] float32
  TensorView max;           // [rows] float32, and
  TensorView sums;          // [2, rows] float32: over the whole vocabulary
  TensorView targets;       // [rows] int32, in the whole vocabulary
  int64_t first_id = 0;
  float gradient_scale = 1;
};
void CrossEntropyFinish(Stream& stream, const CrossEntropyFinishArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_CROSS_ENTROPY_H_
