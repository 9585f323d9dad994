// A tensor under the name that weight files and checkpoints know it by, and the
// part of it that one rank holds.

#ifndef COGDIST_PARALLEL_NAMED_TENSOR_H_
#define COGDIST_PARALLEL_NAMED_TENSOR_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "parallel/communicator.h"
#include "parallel/partition.h"
#include "runtime/shape.h"

namespace cogdist {

struct NamedTensor {
  // Other ranks that hold the same part, beside the data-parallel replicas.
  struct Copies {
    Communicator* group = nullptr;  // none where null; outlives the store
    // Each copy's gradient is a part of the whole, which is their sum; else
    // the copies' gradients are equal.
    bool partial_gradients = false;
  };

  std::string name;  // e.g. "model.layers.0.self_attn.q_proj.weight"
  Shape shape;       // of the whole tensor: [rows, cols] or [n]
  // Held are indices [held.begin, held.end()) of dimension `sharded_dim`, and
  // all of the other one. Without a range: the whole tensor.
  int sharded_dim = 0;
  std::optional<ElementRange> held = std::nullopt;
  Copies copies = {};

  // Of the part that this rank holds.
  Shape held_shape() const;
  // Whether files and norms take the tensor from this rank: of several copies
  // they take the first.
  bool first_copy() const {
    return copies.group == nullptr || copies.group->rank() == 0;
  }
};

// `tensor` sharded evenly along `dim` over the ranks of a group; parts differ
// by at most one index.
NamedTensor ShardOf(NamedTensor tensor, int dim, int size, int rank);

// Elements that are neighbours both in the held part and in the whole tensor,
// row-major each.
struct ElementRun {
  int64_t held = 0;   // index of the first one in the held part
  int64_t whole = 0;  // and in the whole tensor
  int64_t count = 0;
};

// Calls `visit` for the longest runs that make up elements `range` of the held
// part, in order: a single one where rows are sharded, or nothing is.
void ForEachRun(const NamedTensor& tensor, ElementRange range,
                absl::FunctionRef<void(const ElementRun&)> visit);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_NAMED_TENSOR_H_
