// The end of a language model: final RMSNorm, output projection, cross-entropy.
// The logits of all tokens never exist together; loss and gradient are made
// chunk by chunk while a chunk of logits is in the cache. A tensor group shares
// the vocabulary out evenly: no rank ever has whole rows of logits.

#ifndef COGDIST_MODELS_LM_HEAD_H_
#define COGDIST_MODELS_LM_HEAD_H_

#include <optional>

#include "models/layer.h"
#include "models/linear.h"
#include "models/norm.h"
#include "models/sharded_rows.h"

namespace cogdist {

class LmHead {
 public:
  struct Config {
    int64_t vocab = 0;
    int64_t hidden = 0;
    double norm_eps = 0;
    double init_std = 0;
    // The embedding table where it serves as output matrix, as a TokenEmbedding
    // of the same ranks has registered it.
    std::optional<ParamStore::ParamId> tied_table;
  };

  LmHead(const ParamRegistry& registry, const Config& config);

  struct LossArgs {
    TensorView loss;  // [rows] float32: cross-entropy of each target, the
                      // same on all tensor ranks
    TensorView dx;    // [held rows, hidden]: gradient of the stream's sum;
                      // absent in evaluation, and then no gradients
    ResidualStream stream;  // the last block's output: [held rows, hidden]
    TensorView targets;     // [rows] int32; negative: does not count
    float gradient_scale = 1;
  };
  void Loss(const LayerContext& ctx, const LossArgs& args) const;

  // logits [rows, vocab] float32 of the stream; overwrites stream.x.
  // REQUIRES: no tensor parallelism.
  void Logits(const LayerContext& ctx, TensorView logits,
              const ResidualStream& stream) const;

 private:
  // One chunk's rows of what Loss() works on.
  struct Chunk {
    TensorView loss;      // [count]
    TensorView targets;   // [count]
    TensorView normed;    // [count, hidden]
    TensorView d_normed;  // [count, hidden]; absent in evaluation
    float gradient_scale = 1;
    bool last = false;
  };

  // Tokens whose logits are held at a time, the same on all tensor ranks.
  int64_t ChunkRows(const LayerContext& ctx, int64_t rows) const;
  // `all_d_normed`: that of all chunks.
  void LossOfChunk(const LayerContext& ctx, const Chunk& chunk,
                   TensorView all_d_normed) const;
  // Loss and the logits' gradient; leaves d_logits alone where it is absent.
  void CrossEntropyOfChunk(const LayerContext& ctx, const Chunk& chunk,
                           TensorView logits, TensorView d_logits) const;

  Config config_;
  ElementRange columns_;  // of the vocabulary, on this rank
  RmsNorm norm_;
  Linear output_;
};

}  // namespace cogdist

#endif  // COGDIST_MODELS_LM_HEAD_H_
