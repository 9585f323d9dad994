// What a network has to know of the ranks that it is spread over. Layers take
// their part of every matrix by it, and communicate through it.

#ifndef COGDIST_MODELS_MODEL_PARALLEL_H_
#define COGDIST_MODELS_MODEL_PARALLEL_H_

#include "parallel/communicator.h"
#include "parallel/partition.h"
#include "runtime/stream.h"

namespace cogdist {

// Refers to groups and streams that outlive the network; an absent group is one
// of this rank alone, so that the default is a network on one rank.
struct ModelParallel {
  // Ranks that share the matrices of every layer.
  Communicator* tensor = nullptr;
  // Those of them that hold the same key/value head, where there are fewer
  // heads than ranks.
  Communicator* kv_copies = nullptr;
  // The first and the last pipeline stage, where both hold the embedding table.
  Communicator* tied = nullptr;
  // Ranks that share every sequence.
  Communicator* context = nullptr;

  // For collectives that overlap computation.
  Stream* tensor_stream = nullptr;
  Stream* context_stream = nullptr;

  // Norms and residuals are sharded by rows over the tensor group.
  bool sequence_parallel = false;
  // Products in fixed blocks: the same bits for every number of threads.
  bool layout_invariant = false;

  int tensor_size() const { return tensor == nullptr ? 1 : tensor->size(); }
  int tensor_rank() const { return tensor == nullptr ? 0 : tensor->rank(); }
  // What this rank has of n indices that the tensor group shares out evenly.
  ElementRange TensorPart(int64_t n) const {
    return EvenPart(n, tensor_size(), tensor_rank());
  }
  bool shards_rows() const { return sequence_parallel && tensor_size() > 1; }
  // Those of `rows` rows of the residual stream that this rank holds.
  ElementRange HeldRows(int64_t rows) const {
    return shards_rows() ? TensorPart(rows) : ElementRange{0, rows};
  }

  int context_size() const { return context == nullptr ? 1 : context->size(); }
  int context_rank() const { return context == nullptr ? 0 : context->rank(); }
};

}  // namespace cogdist

#endif  // COGDIST_MODELS_MODEL_PARALLEL_H_
