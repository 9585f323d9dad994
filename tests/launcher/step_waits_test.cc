// How often a step makes the host wait for a device that works by itself: a
// device that only counts, since a CPU's kernels wait anyway.

#include <memory>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "launcher/training_step.h"
#include "parallel/host_communicator.h"
#include "parallel/meta_transport.h"
#include "runtime/meta/meta_device.h"
#include "tests/launcher/small_config.h"

namespace cogdist {
namespace {

class WaitingStream : public MetaStream {
 public:
  WaitingStream(MetaDevice& device, int& waits)
      : MetaStream(device), waits_(waits) {}
  void Synchronize() override { ++waits_; }

 private:
  int& waits_;
};

class WaitingDevice : public MetaDevice {
 public:
  explicit WaitingDevice(int& waits) : waits_(waits) {}
  std::unique_ptr<Stream> CreateStream() override {
    return std::make_unique<WaitingStream>(*this, waits_);
  }

 private:
  int& waits_;  // of all its streams
};

// All kinds of parallelism at once.
RunConfig Config(int zero_stage, Determinism deterministic) {
  RunConfig config = testing::SmallConfig();
  CogformerConfig& model = *config.mutable_model()->mutable_cogformer();
  model.set_num_layers(4);
  model.set_num_heads(4);
  model.set_head_dim(8);
  model.set_num_kv_heads(2);
  model.set_tie_embeddings(true);
  config.mutable_batch()->set_global_batch_size(8);
  config.set_deterministic(deterministic);
  ParallelConfig& parallel = *config.mutable_parallel();
  parallel.set_tensor(2);
  parallel.set_sequence_parallel(true);
  parallel.set_context(2);
  parallel.set_pipeline(2);
  parallel.set_virtual_pipeline(2);
  parallel.set_zero_stage(zero_stage);
  return config;
}

class StepWaitsTest
    : public ::testing::TestWithParam<std::tuple<int, Determinism, int>> {};

TEST_P(StepWaitsTest, TheHostWaitsOnceAStep) {
  const auto [zero_stage, deterministic, rank] = GetParam();
  const RunConfig config = Config(zero_stage, deterministic);
  constexpr int kRanks = 16;
  const auto mesh = Mesh::Create(kRanks, config.parallel());
  ASSERT_TRUE(mesh.ok()) << mesh.status();
  int waits = 0;
  auto device = std::make_unique<WaitingDevice>(waits);
  auto world = std::make_unique<HostCommunicator>(
      std::make_unique<MetaTransport>(rank, kRanks), *device);
  auto context = MakeRankContext({.rank = rank, .world_size = kRanks}, *mesh,
                                 std::move(device), std::move(world));
  ASSERT_TRUE(context.ok()) << context.status();
  const auto training = TrainingStep::Create(config, *context);
  ASSERT_TRUE(training.ok()) << training.status();
  const auto load = [](int64_t, Batch&) { return absl::OkStatus(); };
  for (int step = 1; step <= 3; ++step) {
    const int before = waits;
    const auto result = (*training)->Run(step, load);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_FALSE(result->skipped);
    EXPECT_EQ(waits - before, 1);
    EXPECT_FALSE(result->hidden_communication.has_value());
    EXPECT_GT(result->seconds, 0);
  }
  const int before = waits;
  ASSERT_TRUE((*training)->Evaluate(load).ok());
  EXPECT_EQ(waits, before);
}

INSTANTIATE_TEST_SUITE_P(Layouts, StepWaitsTest,
                         ::testing::Combine(::testing::Values(0, 1, 2, 3),
                                            ::testing::Values(RUN_TO_RUN,
                                                              LAYOUT_INVARIANT),
                                            ::testing::Values(0, 15)),
                         [](const auto& info) {
                           return absl::StrCat(
                               "zero", std::get<0>(info.param), "_",
                               Determinism_Name(std::get<1>(info.param)),
                               "_rank", std::get<2>(info.param));
                         });

}  // namespace
}  // namespace cogdist
