// Text generation with key/value caches, one sequence at a time.

#ifndef COGDIST_LAUNCHER_GENERATOR_H_
#define COGDIST_LAUNCHER_GENERATOR_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "launcher/sampler.h"
#include "models/cogformer.h"
#include "parallel/param_store.h"
#include "proto/run_config.pb.h"
#include "runtime/arena.h"
#include "runtime/device.h"
#include "runtime/stream.h"

namespace cogdist {

class Generator {
 public:
  // A network with zero parameters, to be filled in, and memory for sequences
  // of up to max_seq_len tokens. The device and the stream must outlive it.
  static absl::StatusOr<std::unique_ptr<Generator>> Create(
      const RunConfig& config, Device& device, Stream& stream);

  ParamStore& params() { return params_; }

  // Draws up to `max_tokens` tokens that follow `prompt`, calling `emit` for
  // each until it returns false; ends early when the context of max_seq_len
  // tokens is full. Returns the number of tokens drawn. REQUIRES: 1 <=
  // prompt.size() <= max_seq_len, ids below the vocabulary.
  int64_t Generate(absl::Span<const int32_t> prompt, int64_t max_tokens,
                   const SamplingOptions& sampling,
                   absl::FunctionRef<bool(int32_t)> emit);

  // The logits that follow `prompt`, by one pass without a cache of earlier
  // calls. [vocab]
  std::vector<float> Logits(absl::Span<const int32_t> prompt);

 private:
  Generator(const RunConfig& config, Stream& stream, Arena arena);

  absl::Status Allocate(Device& device);
  // Feeds `tokens` to the network: the logits of what follows the last of them.
  void Feed(absl::Span<const int32_t> tokens,
            std::vector<KeyValueCache>& caches, std::vector<float>& logits);
  LayerContext Context();

  DType dtype_;
  Stream& stream_;
  Arena arena_;
  ParamStore params_;
  Cogformer model_;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_GENERATOR_H_
