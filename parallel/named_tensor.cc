#include "parallel/named_tensor.h"

#include <algorithm>
#include <utility>

namespace cogdist {

Shape NamedTensor::held_shape() const {
  Shape part = shape;
  if (held.has_value()) part.set_dim(sharded_dim, held->count);
  return part;
}

NamedTensor ShardOf(NamedTensor tensor, int dim, int size, int rank) {
  tensor.sharded_dim = dim;
  tensor.held = EvenPart(tensor.shape.dim(dim), size, rank);
  return tensor;
}

void ForEachRun(const NamedTensor& tensor, ElementRange range,
                absl::FunctionRef<void(const ElementRun&)> visit) {
  const int dim = tensor.sharded_dim;
  const ElementRange held =
      tensor.held.value_or(ElementRange{0, tensor.shape.dim(dim)});
  int64_t inner = 1;
  for (int i = dim + 1; i < tensor.shape.rank(); ++i) {
    inner *= tensor.shape.dim(i);
  }
  const int64_t held_block = held.count * inner;
  const int64_t whole_block = tensor.shape.dim(dim) * inner;
  int64_t begin = range.begin;
  while (begin < range.end()) {
    const int64_t block = begin / held_block;
    const int64_t within = begin % held_block;
    const int64_t count = std::min(held_block - within, range.end() - begin);
    visit({.held = begin,
           .whole = block * whole_block + held.begin * inner + within,
           .count = count});
    begin += count;
  }
}

}  // namespace cogdist
