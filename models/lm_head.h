// The end of a language model: final RMSNorm, output projection, cross-entropy.
// The logits of all tokens never exist together; loss and gradient are made
// chunk by chunk while a chunk of logits is in the cache.

#ifndef COGDIST_MODELS_LM_HEAD_H_
#define COGDIST_MODELS_LM_HEAD_H_

#include <optional>

#include "models/layer.h"
#include "models/linear.h"
#include "models/norm.h"

namespace cogdist {

class LmHead {
 public:
  struct Config {
    int64_t vocab = 0;
    int64_t hidden = 0;
    double norm_eps = 0;
    double init_std = 0;
    // The embedding table where it serves as output matrix.
    std::optional<ParamStore::ParamId> tied_table;
  };

  LmHead(ParamStore& params, ParamStore::UnitId unit, const Config& config);

  struct LossArgs {
    TensorView loss;        // [rows] float32: cross-entropy of each target
    TensorView dx;          // [rows, hidden]: gradient of the stream's sum;
                            // absent in evaluation, and then no gradients
    ResidualStream stream;  // the last block's output
    TensorView targets;     // [rows] int32; negative: does not count
    float gradient_scale = 1;
  };
  void Loss(const LayerContext& ctx, const LossArgs& args) const;

  // logits [rows, vocab] float32 of the stream; overwrites stream.x.
  void Logits(const LayerContext& ctx, TensorView logits,
              const ResidualStream& stream) const;

 private:
  // Tokens whose logits are held at a time.
  int64_t ChunkRows(int64_t rows) const;
  void LossOfChunk(const LayerContext& ctx, const LossArgs& args,
                   TensorView normed, TensorView d_normed, int64_t begin,
                   int64_t count) const;

  Config config_;
  RmsNorm norm_;
  Linear output_;
};

}  // namespace cogdist

#endif  // COGDIST_MODELS_LM_HEAD_H_
