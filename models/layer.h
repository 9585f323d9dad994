// What every layer is handed, and the conventions that all layers keep:
//
// * A layer is a concrete class with Forward and Backward and a struct Saved
//   that names all that Backward needs. There is no tape: Backward is Forward
//   read upwards, directly below it in the same file.
// * Parameter gradients accumulate. Activation gradients overwrite.
// * Saved tensors and temporaries come from the arena; temporaries are given
//   back within the call, saved ones by whoever runs the backward pass, in
//   reverse order.
// * Activations are [rows, width] with rows = batch * seq. Between layers, with
//   sequence parallelism, each rank of the tensor group holds a part of the
//   rows: [held rows, width]. See models/sharded_rows.h.

#ifndef COGDIST_MODELS_LAYER_H_
#define COGDIST_MODELS_LAYER_H_

#include <string>
#include <utility>

#include "models/model_parallel.h"
#include "parallel/param_store.h"
#include "runtime/arena.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// Where a layer registers its parameters, and the ranks that it shares them
// with.
struct ParamRegistry {
  ParamStore& params;
  ParamStore::UnitId unit;
  ModelParallel parallel = {};

  ParamStore::ParamId Add(ParamSpec spec) const {
    return params.Add(unit, std::move(spec));
  }
  // The part of a matrix that this rank holds where the tensor group shares
  // its rows out evenly.
  NamedTensor RowShard(std::string name, const Shape& shape) const {
    return ShardOf({.name = std::move(name), .shape = shape}, 0,
                   parallel.tensor_size(), parallel.tensor_rank());
  }
};

struct LayerContext {
  Stream& stream;
  Arena& arena;
  const ParamStore& params;
  DType dtype;  // of activations: that of the weights
  ModelParallel parallel = {};

  // An activation tensor from the arena.
  TensorView Activation(int64_t rows, int64_t width) const {
    return arena.Allocate(dtype, {rows, width});
  }
  TensorView Float32(const Shape& shape) const {
    return arena.Allocate(DType::kFloat32, shape);
  }
};

}  // namespace cogdist

#endif  // COGDIST_MODELS_LAYER_H_
