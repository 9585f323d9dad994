// Trains a few steps in any layout, on ranks as threads, from given weights.

#ifndef COGDIST_TESTS_TESTING_LAYOUT_TRAINING_H_
#define COGDIST_TESTS_TESTING_LAYOUT_TRAINING_H_

#include <omp.h>

#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "launcher/training_step.h"
#include "models/init.h"
#include "parallel/weights.h"
#include "runtime/check.h"
#include "runtime/rng.h"
#include "runtime/safetensors.h"
#include "tests/testing/random_layout.h"
#include "tests/testing/rank_threads.h"

namespace cogdist::testing {

// Micro-batch `index` of this rank's share of `step`: random ids, some targets
// that do not count, documents of random lengths.
inline void LoadRandomBatch(const RunConfig& config, const RankContext& context,
                            int64_t step, int64_t index, Batch& batch) {
  const int64_t sequences = SequencesPerPass(config);
  const int64_t seq = config.data().seq_len();
  const int64_t vocab = config.model().cogformer().vocab_size();
  const int64_t data_rank = context.mesh.Index(MeshAxis::kData, context.rank());
  const int64_t first = data_rank * config.batch().global_batch_size() /
                            context.mesh.size(MeshAxis::kData) +
                        index * sequences;
  batch = {.shape = {sequences, seq}};
  for (int64_t i = 0; i < sequences; ++i) {
    const Rng rng(step, first + i);
    int64_t start = 0;
    for (int64_t t = 0; t < seq; ++t) {
      if (rng.Below(4, 3 * t) == 0) start = t;
      const bool counts = rng.Below(8, 3 * t + 1) > 0;
      batch.inputs.push_back(rng.Below(vocab, 3 * t + 2));
      batch.targets.push_back(counts ? rng.Below(vocab, 3 * t + 5) : -1);
      if (config.data().document_mask()) batch.document_start.push_back(start);
      batch.num_targets += counts;
    }
  }
}

inline absl::StatusOr<TrainingStep::Result> RunRandomStep(
    const RunConfig& config, const RankContext& context, TrainingStep& training,
    int64_t step) {
  const auto load = [&](int64_t index, Batch& batch) {
    LoadRandomBatch(config, context, step, index, batch);
    return absl::OkStatus();
  };
  return training.Run(step, load);
}

// Writes initial weights for `run`'s network to `path`, such that no attention
// score is near zero, where a sign could differ by rounding: the first element
// of the residual stream is a constant and the second one tells by its sign
// which of two kinds a token is. One pair of every query is made of the first,
// one of every key of the second: the pair that rotary positions turn slowest,
// so that it stays put. All else is noise and adds little to a score.
inline void WriteSteeredWeights(const LayoutRun& run, const std::string& path) {
  const LayoutRun alone = OnOneRank(run);
  const CogformerConfig& model = alone.config.model().cogformer();
  const int64_t hidden = model.hidden_size(), dim = model.head_dim();
  constexpr float kNoise = 0.3f, kPull = 1.3f;
  const float rms = std::sqrt((2 + hidden * kNoise * kNoise) / hidden);
  const auto steer = [&](const std::string& name, int64_t row,
                         std::vector<float>& x) {
    const bool query = absl::StrContains(name, "q_proj");
    const int64_t in_head = row % dim;
    if (absl::StrContains(name, "embed")) {
      for (float& value : x) value *= kNoise / 0.02f;
      x[0] = 1;
      x[1] = row % 2 == 0 ? 1 : -1;
    } else if ((query || absl::StrContains(name, "k_proj")) &&
               in_head % (dim / 2) == dim / 2 - 1) {
      x.assign(x.size(), 0);
      const float sign = query && row / dim % 2 == 1 ? -1 : 1;
      if (in_head < dim / 2) x[query ? 0 : 1] = sign * kPull * rms;
    }
  };
  RunRankContexts(1, [&](RankContext& context) {
    omp_set_num_threads(1);
    auto step = TrainingStep::Create(alone.config, context);
    COG_CHECK_OK(step.status());
    ParamStore& params = (*step)->runner().params();
    InitializeParameters(params, *context.streams.compute, 1);
    for (const ParamStore::Tensor& tensor : params.tensors()) {
      if (tensor.named.shape.rank() != 2) continue;
      for (int64_t row = 0; row < tensor.named.shape.dim(0); ++row) {
        const float* const from =
            params.master(tensor.range).Data<float>() + row * hidden;
        if (tensor.named.shape.dim(1) != hidden) continue;
        std::vector<float> x(from, from + hidden);
        steer(tensor.named.name, row, x);
        params.Write(*context.streams.compute, tensor, row * hidden, x);
      }
    }
    COG_CHECK_OK(SaveWeights(params, context, path));
  });
}

using Weights = std::map<std::string, std::vector<float>>;

inline Weights ReadWeights(const std::string& path) {
  const auto reader = SafetensorsReader::Open(path);
  COG_CHECK_OK(reader.status());
  Weights weights;
  for (const StoredTensor& tensor : reader->tensors()) {
    std::vector<float>& values = weights[tensor.name];
    values.resize(tensor.shape.num_elements());
    COG_CHECK_OK(ReadFloats(tensor, 0, absl::MakeSpan(values)));
  }
  return weights;
}

struct Training {
  std::vector<double> history;  // loss and gradient norm of every step
  Weights weights;              // at the end
};

// Starts a run's ranks.
using StartRanks = std::function<void(
    const LayoutRun&, const std::function<void(RankContext&)>&)>;

inline void StartOnHost(const LayoutRun& run,
                        const std::function<void(RankContext&)>& body) {
  RunRankContexts(run.world, run.config.parallel(), body);
}

// Runs `body` on every rank, with the network and the weights of `path`.
inline void RunLayout(
    const LayoutRun& run, const std::string& path,
    const std::function<void(RankContext&, TrainingStep&)>& body,
    const StartRanks& start = StartOnHost) {
  start(run, [&](RankContext& context) {
    omp_set_num_threads(1);  // many ranks share few cores
    auto step = TrainingStep::Create(run.config, context);
    COG_CHECK_OK(step.status());
    if (path.empty()) {
      InitializeParameters((*step)->runner().params(), *context.streams.compute,
                           1);
    } else {
      COG_CHECK_OK(LoadWeights(path, (*step)->runner().params(),
                               *context.streams.compute,
                               context.groups.pipeline.get()));
    }
    body(context, **step);
  });
}

// From the weights at `path`; overwrites `out`.
inline Training Train(const LayoutRun& run, const std::string& path,
                      const std::string& out,
                      const StartRanks& start = StartOnHost) {
  std::vector<std::vector<double>> histories(run.world);
  const auto body = [&](RankContext& context, TrainingStep& training) {
    for (int64_t step = 1; step <= run.config.train_steps(); ++step) {
      const auto result = RunRandomStep(run.config, context, training, step);
      COG_CHECK_OK(result.status());
      histories[context.rank()].push_back(result->loss);
      histories[context.rank()].push_back(result->grad_norm);
    }
    COG_CHECK_OK(SaveWeights(training.runner().params(), context, out));
  };
  RunLayout(run, path, body, start);
  for (const std::vector<double>& history : histories) {
    COG_CHECK(history == histories[0], "ranks disagree on loss or norm");
  }
  return {.history = histories[0], .weights = ReadWeights(out)};
}

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_TESTING_LAYOUT_TRAINING_H_
