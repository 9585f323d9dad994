// The gated feed-forward layer: y = Wdown (silu(Wgate x) * (Wup x)).

#ifndef COGDIST_MODELS_MLP_H_
#define COGDIST_MODELS_MLP_H_

#include <string>

#include "models/layer.h"
#include "models/parallel_linear.h"
#include "models/sharded_rows.h"

namespace cogdist {

// From [held rows, hidden] to [held rows, hidden]. Gate and up are one stacked
// matrix, so that one product serves both. A tensor group shares `ffn` out
// evenly; what its ranks have may differ by one.
class Mlp {
 public:
  struct Config {
    int64_t hidden = 0;
    int64_t ffn = 0;
    double init_std = 0;
    double output_init_std = 0;
  };

  // What Backward needs beside the layer's input.
  struct Saved {
    TensorView gate_up;  // [rows, 2 * ffn_]; Backward destroys it
    TensorView inner;    // [rows, ffn_]
  };

  // Parameters are registered as `prefix`.{gate,up,down}_proj.weight.
  Mlp(const ParamRegistry& registry, const std::string& prefix,
      const Config& config);

  // Writes y; what is saved stays in the arena.
  Saved Forward(const LayerContext& ctx, TensorView y,
                const ShardedRows& x) const;
  // Forward without the last product: what Backward needs, made again.
  Saved Recompute(const LayerContext& ctx, const ShardedRows& x) const;

  // x: the input of Forward, kept or made again.
  void Backward(const LayerContext& ctx, TensorView dx, TensorView dy,
                const ShardedRows& x, const Saved& saved) const;

 private:
  int64_t ffn_;  // of this rank
  ColumnParallelLinear gate_up_proj_;
  RowParallelLinear down_proj_;
};

}  // namespace cogdist

#endif  // COGDIST_MODELS_MLP_H_
