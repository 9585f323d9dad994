// Some consecutive layers of the decoder-only language model, with the
// embedding in front of the first and the head behind the last: all of it on
// one rank, or what one rank of a pipeline runs at a time.

#ifndef COGDIST_MODELS_COGFORMER_CHUNK_H_
#define COGDIST_MODELS_COGFORMER_CHUNK_H_

#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "models/block.h"
#include "models/embedding.h"
#include "models/lm_head.h"
#include "models/model_chunk.h"
#include "parallel/unit_hooks.h"
#include "proto/run_config.pb.h"

namespace cogdist {

// A micro-batch on the device, the tokens of this context rank.
struct TokenBatch {
  TensorView inputs;          // [batch, seq] int32
  TensorView targets;         // [batch, seq] int32; negative: does not count
  TensorView document_start;  // [batch, seq] int32; optional
};

class CogformerChunk {
 public:
  // What lies between the forward and the backward pass of one micro-batch.
  // Reusable: after the first use it no longer allocates.
  struct Saved {
    Arena::Mark begin = 0;
    SequenceLayout layout;
    TensorView ids;  // [rows] int32; of the first chunk
    std::vector<Block::Saved> blocks;
    TensorView d;  // [held rows, hidden]: gradient of the residual stream,
                   // of the last chunk
  };

  // Registers its parameters. `config` is resolved.
  CogformerChunk(const CogformerConfig& config, const ModelChunk& chunk,
                 const ModelParallel& parallel, ParamStore& params);

  struct ForwardArgs {
    TokenBatch batch;
    SequenceLayout layout;
    // The residual stream, [held rows, hidden]: from the chunk before,
    // absent in the first, kept until the backward pass; for the next one,
    // absent in the last.
    TensorView input, output;
    // The cross-entropy of every target, [rows] float32; of the last chunk. The
    // loss that gradients belong to is gradient_scale times its sum.
    TensorView loss;
    float gradient_scale = 1;
    Recompute recompute = Recompute::kNothing;
    Block::Shared shared;
  };
  // Leaves in `saved` what Backward needs.
  void Forward(const LayerContext& ctx, const ForwardArgs& args,
               UnitHooks& hooks, Saved& saved) const;

  struct BackwardArgs {
    // Gradients of Forward's output and input, absent where those were.
    TensorView d_output;  // overwritten in the first chunk
    TensorView d_input;
    Block::Shared shared;
  };
  // Adds to the gradients of all parameters and gives the arena back.
  void Backward(const LayerContext& ctx, const BackwardArgs& args,
                UnitHooks& hooks, Saved& saved) const;

  // Forward alone: keeps nothing, computes no gradients.
  void Evaluate(const LayerContext& ctx, const ForwardArgs& args,
                UnitHooks& hooks) const;

  // Generation; the chunk is the whole network. See Cogformer::Decode.
  void Decode(const LayerContext& ctx, TensorView inputs,
              const SequenceLayout& layout, std::vector<KeyValueCache>& caches,
              TensorView logits) const;

  int64_t num_layers() const { return blocks_.size(); }

 private:
  // An embedding table and its unit.
  struct Table {
    ParamStore::UnitId unit;
    TokenEmbedding layer;
  };
  Table AddTable(absl::string_view unit_name, const CogformerConfig& config,
                 const ModelParallel& parallel, ParamStore& params) const;

  // The embedding, or what came from the chunk before.
  ResidualStream Enter(const LayerContext& ctx, const ForwardArgs& args,
                       UnitHooks& hooks) const;
  // The residual stream for the chunk behind: its sum.
  void Leave(const LayerContext& ctx, const ForwardArgs& args,
             const ResidualStream& stream) const;
  // Units that the head uses: its own and, where the table is tied, that one.
  void BeginHead(UnitHooks& hooks, Pass pass) const;
  void EndHead(UnitHooks& hooks, Pass pass) const;
  LmHead::LossArgs LossArgsOf(const ForwardArgs& args,
                              const ResidualStream& stream) const;

  // Whether embedding and head use one table.
  bool SharesTable() const;

  int64_t hidden_;
  std::optional<Table> embedding_;
  std::vector<ParamStore::UnitId> block_units_;
  std::vector<Block> blocks_;
  // What the head multiplies by, where embeddings are tied: the embedding's
  // table, or this rank's copy of it.
  std::optional<Table> tied_table_;
  std::optional<ParamStore::UnitId> head_unit_;
  std::optional<LmHead> head_;
};

// The kind of attention in `layer`: attention.kind, or softmax where
// attention.softmax_layers names the layer.
AttentionKind AttentionKindOfLayer(const CogformerConfig& config,
                                   int64_t layer);

}  // namespace cogdist

#endif  // COGDIST_MODELS_COGFORMER_CHUNK_H_
