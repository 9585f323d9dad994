#include "parallel/pipeline/pipeline.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/meta/meta_device.h"
#include "tests/parallel/pipeline/toy_stage.h"
#include "tests/testing/rank_threads.h"

namespace cogdist {
namespace {

using testing::RunRanks;
using testing::TestRank;
using testing::ToyReference;
using testing::ToyStage;
using testing::ToySums;

constexpr int64_t kRows = 7;
constexpr int64_t kHidden = 13;
constexpr int64_t kElements = kRows * kHidden;
constexpr int64_t kBytes = kElements * sizeof(float);

std::unique_ptr<Pipeline> Make(TestRank& self, Stream& compute,
                               const PipelineShape& shape) {
  auto pipeline = Pipeline::Create({.group = *self.world,
                                    .compute = compute,
                                    .boundary = {kRows, kHidden},
                                    .chunks = shape.chunks,
                                    .micro_batches = shape.micro_batches});
  COG_CHECK_OK(pipeline.status());
  return *std::move(pipeline);
}

ToyStage MakeStage(TestRank& self, const PipelineShape& shape, bool jitter) {
  return ToyStage({.shape = shape,
                   .rank = self.rank,
                   .elements = kElements,
                   .compute = self.compute.get(),
                   .jitter = jitter});
}

// This rank's share of the whole model's sums.
ToySums Expected(const PipelineShape& shape, int rank, int micro_batches,
                 bool gradients) {
  const ToySums all = ToyReference(shape.ranks * shape.chunks, micro_batches,
                                   kElements, gradients);
  ToySums mine;
  if (rank == shape.ranks - 1) mine.loss = all.loss;
  for (int chunk = 0; gradients && chunk < shape.chunks; ++chunk) {
    const int k = shape.ModelChunk(rank, chunk);
    mine.da[k] = all.da.at(k);
    mine.db[k] = all.db.at(k);
  }
  return mine;
}

// Tensors that `rank` sends for each micro-batch: forward and backward.
std::pair<int, int> Messages(const PipelineShape& shape, int rank) {
  int forward = 0;
  int backward = 0;
  for (int chunk = 0; chunk < shape.chunks; ++chunk) {
    forward += !shape.IsLast(rank, chunk);
    backward += !shape.IsFirst(rank, chunk);
  }
  return {forward, backward};
}

// Meets the other ranks; whatever was sent has then been received.
int64_t SentBytes(TestRank& self, const Pipeline& pipeline) {
  self.world->Barrier();
  return pipeline.traffic().data_bytes;
}

// Ranks, chunks a rank, micro-batches.
class PipelineTest
    : public ::testing::TestWithParam<std::tuple<int, int, int>> {
 protected:
  PipelineShape Shape() const {
    const auto [p, v, m] = GetParam();
    return {.ranks = p, .chunks = v, .micro_batches = m};
  }
};

TEST_P(PipelineTest, TrainsAsOneRankWould) {
  const PipelineShape shape = Shape();
  RunRanks(shape.ranks, [&](TestRank& self) {
    const auto pipeline = Make(self, *self.compute, shape);
    for (const bool jitter : {true, false}) {  // two steps
      ToyStage stage = MakeStage(self, shape, jitter);
      pipeline->Train(stage);
      EXPECT_EQ(stage.sums,
                Expected(shape, self.rank, shape.micro_batches, true));
      EXPECT_EQ(static_cast<int>(stage.slots_used()), pipeline->num_slots());
    }
  });
}

TEST_P(PipelineTest, EvaluatesAnyNumberOfMicroBatches) {
  const PipelineShape shape = Shape();
  RunRanks(shape.ranks, [&](TestRank& self) {
    const auto pipeline = Make(self, *self.compute, shape);
    for (const int count : {1, 3, 8, 11}) {
      ToyStage stage = MakeStage(self, shape, count == 3);
      pipeline->Evaluate(stage, count);
      EXPECT_EQ(stage.sums, Expected(shape, self.rank, count, false));
      ToyStage training = MakeStage(self, shape, false);
      pipeline->Train(training);
      EXPECT_EQ(training.sums,
                Expected(shape, self.rank, shape.micro_batches, true));
    }
  });
}

TEST_P(PipelineTest, SendsWhatTheFormulaSays) {
  const PipelineShape shape = Shape();
  RunRanks(shape.ranks, [&](TestRank& self) {
    const auto pipeline = Make(self, *self.compute, shape);
    const auto [forward, backward] = Messages(shape, self.rank);
    ToyStage stage = MakeStage(self, shape, false);
    pipeline->Train(stage);
    const int64_t training = SentBytes(self, *pipeline);
    EXPECT_EQ(training, shape.micro_batches * (forward + backward) * kBytes);
    pipeline->Evaluate(stage, 5);
    EXPECT_EQ(SentBytes(self, *pipeline), training + 5 * forward * kBytes);
    EXPECT_EQ(pipeline->traffic().control_bytes, 0);
  });
}

TEST_P(PipelineTest, AllocatesAtCreationOnly) {
  const PipelineShape shape = Shape();
  RunRanks(shape.ranks, [&](TestRank& self) {
    const int64_t before = self.device.memory().current_bytes;
    const auto pipeline = Make(self, *self.compute, shape);
    EXPECT_EQ(self.device.memory().current_bytes - before,
              pipeline->buffer_bytes());
    ToyStage stage = MakeStage(self, shape, false);
    for (int step = 0; step < 3; ++step) pipeline->Train(stage);
    pipeline->Evaluate(stage, 6);
    EXPECT_EQ(self.device.memory().current_bytes - before,
              pipeline->buffer_bytes() + pipeline->workspace_bytes());
  });
}

class NothingStage : public Stage {
 public:
  void Forward(const ForwardWork&) override {}
  void Backward(const BackwardWork&) override {}
  void Evaluate(const ForwardWork&) override {}
};

TEST_P(PipelineTest, MetaDevicePredictsBytesAndMemory) {
  const PipelineShape shape = Shape();
  RunRanks(shape.ranks, [&](TestRank& self) {
    MetaDevice meta;
    MetaStream meta_compute(meta);
    const auto planned = Make(self, meta_compute, shape);
    NothingStage nothing;
    planned->Train(nothing);
    const auto pipeline = Make(self, *self.compute, shape);
    ToyStage stage = MakeStage(self, shape, false);
    pipeline->Train(stage);
    EXPECT_EQ(planned->traffic().data_bytes, SentBytes(self, *pipeline));
    EXPECT_EQ(planned->buffer_bytes(), pipeline->buffer_bytes());
    EXPECT_EQ(planned->buffer_bytes(), meta.memory().current_bytes);
    EXPECT_EQ(planned->workspace_bytes(), pipeline->workspace_bytes());
  });
}

std::string ShapeName(
    const ::testing::TestParamInfo<std::tuple<int, int, int>>& info) {
  const auto [p, v, m] = info.param;
  return absl::StrCat("p", p, "v", v, "m", m);
}

INSTANTIATE_TEST_SUITE_P(OneRank, PipelineTest,
                         ::testing::Combine(::testing::Values(1),
                                            ::testing::Values(1),
                                            ::testing::Values(1, 5)),
                         ShapeName);
INSTANTIATE_TEST_SUITE_P(Ranks, PipelineTest,
                         ::testing::Combine(::testing::Values(2, 3, 4),
                                            ::testing::Values(1, 2, 3),
                                            ::testing::Values(1, 3, 4, 7, 8)),
                         ShapeName);

class LoggingStage : public Stage {
 public:
  void Forward(const ForwardWork& work) override {
    EXPECT_FALSE(work.input || work.output);
    absl::StrAppend(&log, "F", work.micro_batch, " ");
  }
  void Backward(const BackwardWork& work) override {
    EXPECT_FALSE(work.d_input || work.d_output);
    absl::StrAppend(&log, "B", work.micro_batch, " ");
  }
  void Evaluate(const ForwardWork& work) override {
    absl::StrAppend(&log, "E", work.micro_batch, " ");
  }

  std::string log;
};

TEST(PipelineOfOneTest, CallsTheStageAndCostsNothing) {
  RunRanks(1, [](TestRank& self) {
    const auto pipeline = Make(self, *self.compute, {1, 1, 3});
    LoggingStage stage;
    pipeline->Train(stage);
    pipeline->Evaluate(stage, 2);
    EXPECT_EQ(stage.log, "F0 B0 F1 B1 F2 B2 E0 E1 ");
    EXPECT_EQ(pipeline->num_slots(), 1);
    EXPECT_EQ(pipeline->buffer_bytes(), 0);
    EXPECT_EQ(pipeline->workspace_bytes(), 0);
    EXPECT_EQ(pipeline->stats().waited_seconds, 0);
  });
}

TEST(PipelineOfOneTest, ChunksAreRefused) {
  RunRanks(1, [](TestRank& self) {
    const auto pipeline = Pipeline::Create({.group = *self.world,
                                            .compute = *self.compute,
                                            .boundary = {2, 3},
                                            .chunks = 2});
    EXPECT_EQ(pipeline.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(pipeline.status().message()),
                ::testing::HasSubstr("parallel.virtual_pipeline is 2"));
  });
}

// The group that was split goes on to be used for other things.
TEST(PipelineLinkTest, OtherMessagesOfTheGroupStayApart) {
  const PipelineShape shape = {2, 2, 5};
  RunRanks(2, [&](TestRank& self) {
    const auto pipeline = Make(self, *self.compute, shape);
    float mine = 10 + self.rank;
    float theirs = 0;
    const int peer = 1 - self.rank;
    const auto stream = self.device.CreateStream();
    self.world->Send(*self.communication, TensorView::Of(&mine, {1}), peer);
    ToyStage stage = MakeStage(self, shape, true);
    pipeline->Train(stage);
    self.world->Recv(*stream, TensorView::Of(&theirs, {1}), peer);
    stream->Synchronize();
    self.communication->Synchronize();
    EXPECT_EQ(theirs, 10 + peer);
    EXPECT_EQ(stage.sums, Expected(shape, self.rank, 5, true));
  });
}

// Sets a flag when its rank has gone round a few times without computing.
class WaitingTask : public CpuTask {
 public:
  explicit WaitingTask(std::atomic<bool>& waiting) : waiting_(waiting) {}
  bool Poll() override {
    if (++polls_ < 100) return false;
    waiting_ = true;
    return true;
  }

 private:
  std::atomic<bool>& waiting_;
  int polls_ = 0;
};

class PatientStage : public NothingStage {
 public:
  explicit PatientStage(std::atomic<bool>& waiting) : waiting_(waiting) {}
  void Forward(const ForwardWork&) override {
    while (!waiting_) std::this_thread::yield();
  }

 private:
  std::atomic<bool>& waiting_;
};

TEST(PipelineStatsTest, WaitingForANeighbourIsMeasured) {
  std::atomic<bool> waiting = false;
  RunRanks(2, [&](TestRank& self) {
    const auto pipeline = Make(self, *self.compute, {2, 1, 1});
    if (self.rank == 0) {
      PatientStage stage(waiting);
      pipeline->Train(stage);
    } else {
      AsCpuStream(*self.communication)
          .Enqueue(std::make_unique<WaitingTask>(waiting));
      NothingStage stage;
      pipeline->Train(stage);
      EXPECT_GT(pipeline->stats().waited_seconds, 0);
    }
    EXPECT_GE(pipeline->stats().total_seconds,
              pipeline->stats().waited_seconds);
  });
}

}  // namespace
}  // namespace cogdist
