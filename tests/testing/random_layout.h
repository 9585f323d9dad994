// Small training runs drawn from a seed: valid networks, batches and layouts of
// every kind, odd sizes included.

#ifndef COGDIST_TESTS_TESTING_RANDOM_LAYOUT_H_
#define COGDIST_TESTS_TESTING_RANDOM_LAYOUT_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "launcher/config.h"
#include "launcher/validate.h"
#include "proto/run_config.pb.h"
#include "runtime/rng.h"

namespace cogdist::testing {

// Resolved and valid for `world` ranks.
struct LayoutRun {
  RunConfig config;
  int world = 1;
};

// One line that is enough to find the draw again, or to see what it is.
inline std::string Describe(const LayoutRun& run) {
  const RunConfig& config = run.config;
  return absl::StrCat(
      run.world, " ranks, ", config.parallel().ShortDebugString(), ", ",
      config.batch().ShortDebugString(), ", ",
      config.model().cogformer().ShortDebugString(),
      " seq_len: ", config.data().seq_len(),
      config.data().document_mask() ? ", documents, " : ", ",
      ActivationCheckpointing_Name(config.activation_checkpointing()), ", ",
      Precision_Name(config.precision()), ", ",
      Determinism_Name(config.deterministic()));
}

// Prints a draw before it is run, in case it ends the process.
inline void Announce(const char* test, uint64_t seed, const LayoutRun& run) {
  std::printf("%s, seed %llu: %s\n", test,
              static_cast<unsigned long long>(seed), Describe(run).c_str());
  std::fflush(stdout);
}

// A number from the environment, for longer runs by hand.
inline int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* const text = std::getenv(name);
  int64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

// Seeds to draw from: `draws` from `first` on, unless COGDIST_RANDOM_DRAWS and
// COGDIST_RANDOM_SEED say otherwise.
inline std::vector<uint64_t> Seeds(int64_t draws, uint64_t first = 1) {
  std::vector<uint64_t> seeds(FromEnvironment("COGDIST_RANDOM_DRAWS", draws));
  std::iota(seeds.begin(), seeds.end(),
            FromEnvironment("COGDIST_RANDOM_SEED", first));
  return seeds;
}

// Numbers from a seed, one after the other.
class Draw {
 public:
  explicit Draw(uint64_t seed) : rng_(seed, "layouts") {}

  int64_t Below(int64_t bound) { return rng_.Below(bound, next_++); }
  bool OneIn(int64_t n) { return Below(n) == 0; }
  int64_t From(int64_t first, int64_t last) {
    return first + Below(last - first + 1);
  }
  int64_t Of(std::initializer_list<int64_t> choices) {
    return choices.begin()[Below(choices.size())];
  }

 private:
  Rng rng_;
  uint64_t next_ = 0;
};

// Sizes that no degree has to divide.
inline void DrawModel(Draw& draw, CogformerConfig& model) {
  model.set_vocab_size(draw.From(9, 70));
  model.set_num_layers(draw.From(1, 6));
  model.set_hidden_size(draw.Of({6, 16, 17, 24, 33, 40}));
  model.set_num_heads(draw.Of({1, 2, 3, 4, 4, 6, 8, 8}));
  model.set_num_kv_heads(draw.OneIn(2) ? model.num_heads()
                                       : draw.Of({1, 1, 2, 3, 4}));
  model.set_head_dim(draw.Of({4, 6, 8, 16}));
  model.set_ffn_size(draw.From(9, 50));
  model.set_tie_embeddings(draw.OneIn(3));
  if (draw.OneIn(2)) model.mutable_attention()->add_softmax_layers(0);
  if (draw.OneIn(3)) model.mutable_attention()->add_softmax_layers(-1);
}

inline void DrawParallel(Draw& draw, int64_t layers, ParallelConfig& parallel) {
  parallel.set_tensor(draw.Of({1, 1, 2, 2, 3, 4, 8}));
  parallel.set_context(draw.Of({1, 1, 1, 2, 2, 3, 4}));
  parallel.set_pipeline(draw.Of({1, 1, 2, 2, 3, 4}));
  if (parallel.pipeline() > 1) {
    parallel.set_virtual_pipeline(draw.Of({1, 1, 2, 3}));
  }
  parallel.set_zero_stage(draw.Below(4));
  parallel.set_sequence_parallel(parallel.tensor() > 1 && draw.OneIn(2));
  const int64_t chunks = parallel.pipeline() * parallel.virtual_pipeline();
  if (chunks > layers || chunks == 1 || draw.OneIn(2)) return;
  // One layer each, and the others anywhere.
  std::vector<int64_t> stages(chunks, 1);
  for (int64_t i = chunks; i < layers; ++i) ++stages[draw.Below(chunks)];
  for (const int64_t stage : stages) parallel.add_layers_per_stage(stage);
}

// Fills in what every drawn run has.
inline void FinishRun(RunConfig& config) {
  CogformerConfig& model = *config.mutable_model()->mutable_cogformer();
  model.set_max_seq_len(config.data().seq_len());
  config.mutable_data()->add_train()->set_prefix("none");
  config.mutable_data()->set_eos_token_id(0);
  config.mutable_lr_schedule()->set_kind(LrScheduleConfig::CONSTANT);
  config.mutable_lr_schedule()->set_peak_lr(1e-2);
  // Gradients that are nothing but rounding must not become updates.
  config.mutable_optimizer()->mutable_adamw()->set_eps(1e-4);
  config.set_train_steps(3);
  config.set_device(CPU);
  ResolveConfig("drawn.pbtxt", config);
}

// The same seed gives the same run. At most `max_world` ranks, at least two.
inline LayoutRun DrawRun(uint64_t seed, int max_world = 16) {
  Draw draw(seed);
  while (true) {
    LayoutRun run;
    RunConfig& config = run.config;
    CogformerConfig& model = *config.mutable_model()->mutable_cogformer();
    ParallelConfig& parallel = *config.mutable_parallel();
    DrawModel(draw, model);
    DrawParallel(draw, model.num_layers(), parallel);
    const int64_t data = draw.Of({1, 1, 2, 2, 3, 4});
    run.world = static_cast<int>(data * parallel.tensor() * parallel.context() *
                                 parallel.pipeline());
    config.mutable_data()->set_seq_len(2 * parallel.context() *
                                       draw.From(1, 4));
    config.mutable_data()->set_document_mask(draw.OneIn(2));
    const int64_t micro = draw.From(1, 3);
    config.mutable_batch()->set_micro_batch_size(micro);
    config.mutable_batch()->set_global_batch_size(data * micro *
                                                  draw.From(1, 4));
    config.set_activation_checkpointing(
        static_cast<ActivationCheckpointing>(draw.Below(3)));
    if (run.world < 2 || run.world > max_world) continue;
    FinishRun(config);
    if (ValidateConfig(config, {.world_size = run.world, .check_files = false})
            .ok()) {
      return run;
    }
  }
}

// The same training on one rank.
inline LayoutRun OnOneRank(LayoutRun run) {
  run.config.mutable_parallel()->Clear();
  FinishRun(run.config);
  run.world = 1;
  return run;
}

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_TESTING_RANDOM_LAYOUT_H_
