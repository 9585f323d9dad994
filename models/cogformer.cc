#include "models/cogformer.h"

#include "kernels/rope.h"
#include "runtime/status_macros.h"

namespace cogdist {

std::vector<NamedTensor> ParametersOf(const CogformerConfig& config) {
  ParamStore params;
  const Cogformer model(config, params);
  std::vector<NamedTensor> parameters;
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    if (tensor.counts()) parameters.push_back(tensor.named);
  }
  return parameters;
}

Cogformer::Cogformer(const CogformerConfig& config, ParamStore& params)
    : Cogformer(config, {{.layers = {0, config.num_layers()}}}, ModelParallel(),
                params) {}

Cogformer::Cogformer(const CogformerConfig& config,
                     const std::vector<ModelChunk>& chunks,
                     const ModelParallel& parallel, ParamStore& params)
    : config_(config) {
  for (const ModelChunk& chunk : chunks) {
    chunks_.emplace_back(config_, chunk, parallel, params);
  }
}

absl::Status Cogformer::AllocateTables(Device& device, Stream& stream) {
  const std::vector<float> table = RopeTable(
      config_.max_seq_len(), config_.head_dim(), config_.rope_theta());
  const int64_t bytes = table.size() * sizeof(float);
  COG_ASSIGN_OR_RETURN(rope_buffer_, Buffer::Allocate(device, bytes));
  stream.Copy(rope_buffer_.data(), table.data(), bytes);
  stream.Synchronize();  // `table` is about to go
  rope_table_ =
      rope_buffer_.View(DType::kFloat32)
          .Reshape({2, config_.max_seq_len(), config_.head_dim() / 2});
  return absl::OkStatus();
}

SequenceLayout Cogformer::Layout(int64_t batch, int64_t seq) const {
  return {.batch = batch, .seq = seq, .rope_table = rope_table_};
}

Block::Shared Cogformer::MakeShared(const LayerContext& ctx,
                                    const SequenceLayout& layout,
                                    Recompute recompute) const {
  const int64_t rows = layout.rows();
  const int64_t held = ctx.parallel.HeldRows(rows).count;
  const int64_t hidden = config_.hidden_size();
  Block::Shared shared = {.delta = ctx.Activation(held, hidden)};
  if (recompute == Recompute::kBlock) {
    shared.middle = ctx.Activation(held, hidden);
  }
  if (recompute != Recompute::kNothing) {
    shared.normed = ctx.Activation(rows, hidden);
  }
  return shared;
}

void Cogformer::Decode(const LayerContext& ctx, TensorView inputs,
                       std::vector<KeyValueCache>& caches,
                       TensorView logits) const {
  COG_CHECK_EQ(chunks_.size(), 1u);
  chunks_[0].Decode(ctx, inputs, Layout(inputs.dim(0), inputs.dim(1)), caches,
                    logits);
}

std::vector<KeyValueCache> Cogformer::MakeCaches(const LayerContext& ctx,
                                                 int64_t batch,
                                                 int64_t max_seq) const {
  const Shape shape = {batch, max_seq, config_.num_kv_heads(),
                       config_.head_dim()};
  std::vector<KeyValueCache> caches(config_.num_layers());
  for (KeyValueCache& cache : caches) {
    cache.k = ctx.arena.Allocate(ctx.dtype, shape);
    cache.v = ctx.arena.Allocate(ctx.dtype, shape);
  }
  return caches;
}

}  // namespace cogdist
