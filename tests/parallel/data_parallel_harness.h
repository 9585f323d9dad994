// Training of a make-believe network on ranks as threads: what passes would
// read is recorded, what they would add to gradients is a function of the
// sample.

#ifndef COGDIST_TESTS_PARALLEL_DATA_PARALLEL_HARNESS_H_
#define COGDIST_TESTS_PARALLEL_DATA_PARALLEL_HARNESS_H_

#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "parallel/data_parallel.h"
#include "parallel/optimizer.h"
#include "parallel/step_totals.h"
#include "runtime/bfloat16.h"
#include "runtime/rng.h"
#include "tests/parallel/norm_of.h"
#include "tests/testing/rank_threads.h"

namespace cogdist::testing {

struct FakeRun {
  int replicas = 1;
  int stage = 0;
  DType precision = DType::kFloat32;
  int samples = 12;  // a step, of all ranks; a micro-batch is one of them
  bool layout_invariant = false;
  bool overlap = true;
  bool tied = false;  // two copies of the table on every rank
  int steps = 3;
};

struct FakeResult {
  std::map<std::string, std::vector<float>> master;  // whole tensors
  std::vector<double> norms;                         // by step
  // Sums over the weights that passes have read, by step and unit.
  std::map<std::pair<int, int>, double> reads;
  int64_t bytes = 0;     // sent by all ranks to replicas
  int64_t elements = 0;  // of a rank's flat arrays
  int64_t largest_unit = 0;
  std::vector<ParamStore::Bytes> memory;  // by rank
};

// Units of odd sizes, one smaller than a group, one of several chunks.
inline void AddFakeUnits(ParamStore& params, bool tied) {
  const auto add = [&](std::vector<NamedTensor> tensors, bool copy = false) {
    params.Add(params.num_units() - 1,
               {.tensors = std::move(tensors), .init = {}, .tied = copy});
  };
  params.AddUnit("embedding");
  add({{"table", Shape({37, 131})}});
  params.AddUnit("block");
  add({{"q", Shape({3, 5})}, {"k", Shape({2, 5})}});
  add({{"matrix", Shape({129, 101})}});
  add({{"gain", Shape({61})}});
  params.AddUnit("tiny");
  add({{"bias", Shape({1})}});
  params.AddUnit("head");
  if (tied) add({{"table", Shape({37, 131})}}, /*copy=*/true);
  add({{"out", Shape({53, 97})}});
}

class FakeTraining {
 public:
  explicit FakeTraining(const FakeRun& run) : run_(run) {}

  FakeResult Run() {
    result_.memory.resize(run_.replicas);
    RunRankContexts(run_.replicas,
                    [&](RankContext& context) { Rank(context); });
    return result_;
  }

 private:
  void Rank(RankContext& context) {
    ParamStore params;
    AddFakeUnits(params, run_.tied);
    const int lanes =
        run_.layout_invariant ? GradientLanes(run_.samples) / run_.replicas : 0;
    COG_CHECK_OK(params.Allocate({.device = *context.device,
                                  .stream = *context.streams.compute,
                                  .precision = run_.precision,
                                  .zero_stage = run_.stage,
                                  .replicas = run_.replicas,
                                  .replica = context.rank(),
                                  .lanes = lanes}));
    const ParamStore::Bytes bytes = params.bytes();
    EXPECT_EQ(context.device->memory().current_bytes,
              bytes.weights + bytes.gradients + bytes.optimizer);
    for (const ParamStore::Tensor& tensor : params.tensors()) {
      const ParamStore::Range stored = params.stored(tensor);
      std::vector<float> values(stored.count);
      const Rng rng(5, tensor.named.name);
      rng.FillNormal(absl::MakeSpan(values), stored.begin, 0.5);
      params.Write(*context.streams.compute, tensor, stored.begin, values);
    }
    OptimizerConfig config;
    config.mutable_adamw()->set_beta1(0.9);
    config.mutable_adamw()->set_beta2(0.95);
    config.mutable_adamw()->set_eps(1e-8);
    config.mutable_adamw()->set_weight_decay(0.1);
    config.set_grad_clip_norm(1);
    absl::StatusOr<Optimizer> optimizer = Optimizer::Create(
        {.config = config, .params = params, .device = *context.device});
    COG_CHECK_OK(optimizer.status());
    DataParallel data_parallel(params, context);
    data_parallel.set_overlap(run_.overlap);
    const int64_t memory = context.device->memory().current_bytes;
    for (int step = 0; step < run_.steps; ++step) {
      Step(context, params, *optimizer, data_parallel, step);
    }
    data_parallel.WaitForWeights();
    context.streams.replicas->Synchronize();
    EXPECT_EQ(context.device->memory().current_bytes -
                  context.streams.compute->workspace_bytes() -
                  context.streams.replicas->workspace_bytes(),
              memory);
    Report(context, params);
  }

  void Step(RankContext& context, ParamStore& params, Optimizer& optimizer,
            DataParallel& data_parallel, int step) {
    const int count = run_.samples / run_.replicas;
    data_parallel.BeginStep(count);
    for (int i = 0; i < count; ++i) {
      const int sample = context.rank() * count + i;
      for (int unit = 0; unit < params.num_units(); ++unit) {
        data_parallel.Begin(unit, Pass::kForward);
        Read(params, unit, step);
        data_parallel.End(unit, Pass::kForward);
      }
      for (int unit = params.num_units() - 1; unit >= 0; --unit) {
        data_parallel.Begin(unit, Pass::kBackward);
        Read(params, unit, step);
        AddGradients(params, unit, step * run_.samples + sample);
        data_parallel.End(unit, Pass::kBackward);
      }
    }
    data_parallel.FinishGradients();
    Stream& stream = *context.streams.compute;
    StepTotals totals = {.squares = NormOf(optimizer, stream).squares};
    totals = Total(*context.groups.world, totals);
    const double norm = std::sqrt(totals.squares.Value());
    optimizer.Update(stream, {.lr = 0.01, .grad_norm = norm});
    data_parallel.WeightsUpdated();
    if (context.rank() == 0) result_.norms.push_back(norm);
  }

  // All uses of a unit within a step read the same, on every rank.
  void Read(const ParamStore& params, int unit, int step) {
    const TensorView x = params.unit_weights(unit, params.unit_range(unit));
    double sum = 0;
    for (int64_t i = 0; i < x.num_elements(); ++i) {
      const double value = x.dtype == DType::kFloat32
                               ? x.Data<float>()[i]
                               : static_cast<float>(x.Data<BFloat16>()[i]);
      sum += value * static_cast<double>(1 + i % 7);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto [read, first] = result_.reads.insert({{step, unit}, sum});
    EXPECT_EQ(read->second, sum) << "unit " << unit << " in step " << step;
  }

  // Multiples of 1/64, whose sums are exact in any order, or in
  // LAYOUT_INVARIANT mode any numbers.
  void AddGradients(const ParamStore& params, int unit, int sample) {
    for (const ParamStore::Tensor& tensor : params.tensors()) {
      if (tensor.unit != unit) continue;
      const Rng rng(100 + sample + (tensor.tied_to ? 1000 : 0),
                    tensor.named.name);
      float* const gradient =
          params.unit_gradients(unit, tensor.range).Data<float>();
      for (int64_t i = 0; i < tensor.range.count; ++i) {
        gradient[i] += run_.layout_invariant
                           ? static_cast<float>(rng.Normal(i))
                           : static_cast<float>(rng.Below(129, i)) / 64 - 1;
      }
    }
  }

  void Report(RankContext& context, const ParamStore& params) {
    const std::lock_guard<std::mutex> lock(mutex_);
    result_.bytes += context.groups.replicas->traffic().data_bytes;
    result_.elements = params.all().count;
    result_.memory[context.rank()] = params.bytes();
    for (int unit = 0; unit < params.num_units(); ++unit) {
      result_.largest_unit =
          std::max(result_.largest_unit, params.unit_range(unit).count);
    }
    for (const ParamStore::Tensor& tensor : params.tensors()) {
      const std::string name = absl::StrCat(
          tensor.named.name, tensor.tied_to.has_value() ? " (copy)" : "");
      std::vector<float>& whole = result_.master[name];
      whole.resize(tensor.range.count);
      const ParamStore::Range owned = params.owned(tensor);
      const float* const from = params.master(owned).Data<float>();
      std::copy_n(from, owned.count,
                  whole.data() + owned.begin - tensor.range.begin);
    }
  }

  const FakeRun run_;
  std::mutex mutex_;
  FakeResult result_;
};

inline void ExpectSameTraining(const FakeResult& a, const FakeResult& b) {
  EXPECT_EQ(a.norms, b.norms);
  EXPECT_EQ(a.reads, b.reads);
  for (const auto& [name, values] : a.master) {
    EXPECT_TRUE(values == b.master.at(name)) << name;
  }
}

inline FakeResult Train(const FakeRun& run) { return FakeTraining(run).Run(); }

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_PARALLEL_DATA_PARALLEL_HARNESS_H_
