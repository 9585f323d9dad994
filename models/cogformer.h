// The decoder-only language model: embedding, blocks, head. With softmax
// attention in every layer it is exactly the Llama architecture.

#ifndef COGDIST_MODELS_COGFORMER_H_
#define COGDIST_MODELS_COGFORMER_H_

#include <vector>

#include "absl/functional/function_ref.h"
#include "models/block.h"
#include "models/embedding.h"
#include "models/lm_head.h"
#include "proto/run_config.pb.h"
#include "runtime/buffer.h"

namespace cogdist {

// A micro-batch on the device.
struct TokenBatch {
  TensorView inputs;          // [batch, seq] int32
  TensorView targets;         // [batch, seq] int32; negative: does not count
  TensorView document_start;  // [batch, seq] int32; optional
};

class Cogformer {
 public:
  // What lies between the forward and the backward pass of one micro-batch.
  // Reusable: after the first use it no longer allocates.
  struct Saved {
    Arena::Mark begin = 0;
    SequenceLayout layout;
    TensorView ids;  // [rows] int32
    Block::Shared shared;
    std::vector<Block::Saved> blocks;
    TensorView d;  // [rows, hidden]: gradient of the residual stream
  };

  // Called when the gradients of a unit are complete for this micro-batch.
  using UnitReady = absl::FunctionRef<void(ParamStore::UnitId)>;

  // Registers all parameters. `config` is resolved (no field left unset).
  Cogformer(const CogformerConfig& config, ParamStore& params);

  // Allocates the constant tables. Call once, before any pass.
  absl::Status AllocateTables(Device& device, Stream& stream);

  // Writes the cross-entropy of every target to loss [rows] float32 and leaves
  // in `saved` what Backward needs. The loss that gradients belong to is
  // gradient_scale times the sum of `loss`.
  void Forward(const LayerContext& ctx, const TokenBatch& batch,
               TensorView loss, float gradient_scale, Recompute recompute,
               Saved& saved) const;
  // Adds to the gradients of all parameters and gives the arena back.
  void Backward(const LayerContext& ctx, Saved& saved,
                UnitReady unit_ready) const;

  // Forward alone: keeps nothing, computes no gradients.
  void Evaluate(const LayerContext& ctx, const TokenBatch& batch,
                TensorView loss) const;

  // Generation: feeds inputs [batch, seq] int32, the tokens that follow those
  // in the caches (one a layer, see MakeCaches), and advances the caches.
  // Writes the logits of every sequence's last token: [batch, vocab] float32.
  void Decode(const LayerContext& ctx, TensorView inputs,
              std::vector<KeyValueCache>& caches, TensorView logits) const;

  // Empty caches for `batch` sequences of at most max_seq tokens, from the
  // arena.
  std::vector<KeyValueCache> MakeCaches(const LayerContext& ctx, int64_t batch,
                                        int64_t max_seq) const;

  const CogformerConfig& config() const { return config_; }

 private:
  SequenceLayout Layout(TensorView inputs, TensorView document_start) const;
  Block::Shared AllocateShared(const LayerContext& ctx, int64_t rows,
                               Recompute recompute) const;

  CogformerConfig config_;
  ParamStore::UnitId embedding_unit_;
  TokenEmbedding embedding_;
  std::vector<ParamStore::UnitId> block_units_;
  std::vector<Block> blocks_;
  ParamStore::UnitId head_unit_;
  LmHead head_;
  Buffer rope_buffer_;
  TensorView rope_table_;
};

// The kind of attention in `layer`: attention.kind, or softmax where
// attention.softmax_layers names the layer.
AttentionKind AttentionKindOfLayer(const CogformerConfig& config,
                                   int64_t layer);

}  // namespace cogdist

#endif  // COGDIST_MODELS_COGFORMER_H_
