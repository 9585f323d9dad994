#include "launcher/generator.h"

#include <algorithm>
#include <utility>

#include "models/precision.h"
#include "runtime/meta/meta_device.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<std::unique_ptr<Generator>> Generator::Create(
    const RunConfig& config, Device& device, Stream& stream) {
  // The longest prompt needs the most memory; a meta device tells how much.
  MetaDevice meta_device(device.type());
  MetaStream meta_stream(meta_device);
  Generator planned(config, meta_stream, Arena::ForPlanning());
  COG_RETURN_IF_ERROR(planned.Allocate(meta_device));
  planned.Logits(std::vector<int32_t>(planned.model_.config().max_seq_len()));

  COG_ASSIGN_OR_RETURN(
      Arena arena, Arena::Create(device, planned.arena_.high_water_bytes()));
  auto generator = std::unique_ptr<Generator>(
      new Generator(config, stream, std::move(arena)));
  COG_RETURN_IF_ERROR(generator->Allocate(device));
  return generator;
}

Generator::Generator(const RunConfig& config, Stream& stream, Arena arena)
    : dtype_(ActivationType(config.precision())),
      stream_(stream),
      arena_(std::move(arena)),
      model_(config.model().cogformer(), params_) {}

absl::Status Generator::Allocate(Device& device) {
  COG_RETURN_IF_ERROR(params_.Allocate({.device = device,
                                        .stream = stream_,
                                        .precision = dtype_,
                                        .use = ParamStore::Use::kInference}));
  return model_.AllocateTables(device, stream_);
}

int64_t Generator::Generate(absl::Span<const int32_t> prompt,
                            int64_t max_tokens, const SamplingOptions& sampling,
                            absl::FunctionRef<bool(int32_t)> emit) {
  const ArenaScope scope(arena_);
  const int64_t capacity = model_.config().max_seq_len();
  std::vector<KeyValueCache> caches =
      model_.MakeCaches(Context(), /*batch=*/1, capacity);
  Sampler sampler(sampling);
  std::vector<float> logits(model_.config().vocab_size());
  if (max_tokens > 0) Feed(prompt, caches, logits);
  for (int64_t drawn = 0; drawn < max_tokens; ++drawn) {
    const int32_t token = sampler.Draw(logits);
    const int64_t length = prompt.size() + drawn;
    if (!emit(token) || length == capacity) return drawn + 1;
    if (drawn + 1 < max_tokens) Feed({token}, caches, logits);
  }
  return max_tokens;
}

std::vector<float> Generator::Logits(absl::Span<const int32_t> prompt) {
  const ArenaScope scope(arena_);
  std::vector<KeyValueCache> caches =
      model_.MakeCaches(Context(), /*batch=*/1, model_.config().max_seq_len());
  std::vector<float> logits(model_.config().vocab_size());
  Feed(prompt, caches, logits);
  return logits;
}

void Generator::Feed(absl::Span<const int32_t> tokens,
                     std::vector<KeyValueCache>& caches,
                     std::vector<float>& logits) {
  const ArenaScope scope(arena_);
  const LayerContext ctx = Context();
  const int64_t count = tokens.size();
  const TensorView inputs = arena_.Allocate(DType::kInt32, {1, count});
  stream_.Copy(inputs.data, tokens.data(), inputs.bytes());
  const TensorView result = ctx.Float32({1, model_.config().vocab_size()});
  model_.Decode(ctx, inputs, caches, result);
  stream_.Copy(logits.data(), result.data, result.bytes());
  stream_.Synchronize();
}

LayerContext Generator::Context() {
  return {
      .stream = stream_, .arena = arena_, .params = params_, .dtype = dtype_};
}

}  // namespace cogdist
