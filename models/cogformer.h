// The decoder-only language model, or the chunks of it that one rank of a
// pipeline holds. With softmax attention in every layer it is exactly the Llama
// architecture.

#ifndef COGDIST_MODELS_COGFORMER_H_
#define COGDIST_MODELS_COGFORMER_H_

#include <vector>

#include "models/cogformer_chunk.h"
#include "proto/run_config.pb.h"
#include "runtime/buffer.h"

namespace cogdist {

// Every parameter of the network by name and whole shape, in the order in which
// a forward pass uses them. `config` is resolved and valid.
std::vector<NamedTensor> ParametersOf(const CogformerConfig& config);

class Cogformer {
 public:
  // The whole network on one rank. `config` is resolved (no field left unset).
  Cogformer(const CogformerConfig& config, ParamStore& params);
  // Registers the parameters of `chunks`, in depth order.
  Cogformer(const CogformerConfig& config,
            const std::vector<ModelChunk>& chunks,
            const ModelParallel& parallel, ParamStore& params);

  // Allocates the constant tables. Call once, before any pass.
  absl::Status AllocateTables(Device& device, Stream& stream);

  int64_t table_bytes() const { return rope_buffer_.bytes(); }

  const std::vector<CogformerChunk>& chunks() const { return chunks_; }
  const CogformerConfig& config() const { return config_; }

  // Rows of `batch` sequences of `seq` tokens.
  SequenceLayout Layout(int64_t batch, int64_t seq) const;

  // Buffers that the passes of all chunks share, from the arena.
  Block::Shared MakeShared(const LayerContext& ctx,
                           const SequenceLayout& layout,
                           Recompute recompute) const;

  // Generation: feeds inputs [batch, seq] int32, the tokens that follow those
  // in the caches (one a layer, see MakeCaches), and advances the caches.
  // Writes the logits of every sequence's last token: [batch, vocab] float32.
  // REQUIRES: one chunk, the whole network.
  void Decode(const LayerContext& ctx, TensorView inputs,
              std::vector<KeyValueCache>& caches, TensorView logits) const;

  // Empty caches for `batch` sequences of at most max_seq tokens, from the
  // arena.
  std::vector<KeyValueCache> MakeCaches(const LayerContext& ctx, int64_t batch,
                                        int64_t max_seq) const;

 private:
  CogformerConfig config_;
  std::vector<CogformerChunk> chunks_;
  Buffer rope_buffer_;
  TensorView rope_table_;
};

}  // namespace cogdist

#endif  // COGDIST_MODELS_COGFORMER_H_
