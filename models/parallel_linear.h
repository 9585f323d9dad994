// Linear layers whose matrix a tensor group shares (Shoeybi et al.,
// "Megatron-LM", 2019), also with sequence parallelism (Korthikanti et al.,
// "Reducing Activation Recomputation in Large Transformer Models", 2022). The
// names count dimensions of W^T, as the field does: "column-parallel" splits
// the outputs. On one rank both are Linear.

#ifndef COGDIST_MODELS_PARALLEL_LINEAR_H_
#define COGDIST_MODELS_PARALLEL_LINEAR_H_

#include <vector>

#include "models/linear.h"
#include "models/sharded_rows.h"

namespace cogdist {

// Each rank has some outputs of the whole input: y [rows, out on this rank].
class ColumnParallelLinear {
 public:
  // `tensors` name the rows that this rank holds.
  ColumnParallelLinear(const ParamRegistry& registry,
                       std::vector<NamedTensor> tensors, double init_std)
      : linear_(registry, std::move(tensors), init_std) {}

  // With sequence parallelism gathers x, unless that is done.
  void Forward(const LayerContext& ctx, TensorView y,
               const ShardedRows& x) const;

  // dx [held rows, in]. Its partial sums are summed while the gradient of the
  // weights is computed, and x is gathered beside the product before that.
  void Backward(const LayerContext& ctx, TensorView dx, TensorView dy,
                const ShardedRows& x) const;

 private:
  Linear linear_;
};

// Each rank has some inputs, x [rows, in on this rank], and gives a part of
// every sum: y [held rows, out].
class RowParallelLinear {
 public:
  // `tensor`, whole, is split along its columns.
  RowParallelLinear(const ParamRegistry& registry, const NamedTensor& tensor,
                    double init_std);

  // Sums the parts over the group. The sum is not hidden: cutting the product
  // into pieces, to sum one beside the next, measured no faster on hosts.
  void Forward(const LayerContext& ctx, TensorView y, TensorView x) const;

  // dx [rows, in on this rank]; dy [held rows, out], gathered here.
  void Backward(const LayerContext& ctx, TensorView dx, TensorView dy,
                TensorView x) const;

 private:
  Linear linear_;
};

}  // namespace cogdist

#endif  // COGDIST_MODELS_PARALLEL_LINEAR_H_
