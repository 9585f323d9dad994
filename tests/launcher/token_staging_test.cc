// That tokens survive until a device that works by itself has copied them.

#include "launcher/token_staging.h"

#include <cstring>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "runtime/cpu/cpu_device.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;

// Copies nothing before the host waits: the latest that a stream may be.
class LazyStream : public Stream {
 public:
  explicit LazyStream(Device& device) : device_(device) {}

  Device& device() const override { return device_; }
  void Copy(void* to, const void* from, int64_t bytes) override {
    pending_.push_back([=] { std::memcpy(to, from, bytes); });
  }
  void FillZero(void* memory, int64_t bytes) override {
    pending_.push_back([=] { std::memset(memory, 0, bytes); });
  }
  Event Record() override {
    class Point : public Event::Impl {
     public:
      Point(LazyStream& stream, size_t count)
          : stream_(stream), count_(count) {}
      bool Done() override { return stream_.done_ >= count_; }

     private:
      LazyStream& stream_;
      const size_t count_;
    };
    return Event(std::make_shared<Point>(*this, done_ + pending_.size()));
  }
  void Wait(const Event&) override {}
  void Synchronize() override {
    ++waits_;
    for (const auto& work : std::exchange(pending_, {})) {
      work();
      ++done_;
    }
  }
  void* Workspace(int64_t) override { return nullptr; }
  int64_t workspace_bytes() const override { return 0; }

  int waits() const { return waits_; }

 private:
  Device& device_;
  std::vector<std::function<void()>> pending_;
  size_t done_ = 0;
  int waits_ = 0;
};

// Two sequences of four tokens: `first`, `first` + 1, ...
Batch Ramp(int32_t first, bool documents) {
  Batch batch;
  batch.shape = {2, 4};
  batch.num_targets = 7 + first;
  for (int32_t i = 0; i < 8; ++i) {
    batch.inputs.push_back(first + i);
    batch.targets.push_back(100 + first + i);
    if (documents) batch.document_start.push_back(200 + first + i);
  }
  return batch;
}

std::vector<int32_t> Values(const TensorView& x) {
  return {x.Data<int32_t>(), x.Data<int32_t>() + x.num_elements()};
}

class TokenStagingTest : public ::testing::Test {
 protected:
  TokenStagingTest() {
    auto staging = TokenStaging::Create(
        device_, {.micro_batches = 2, .sequences = 2, .tokens = 2});
    COG_CHECK_OK(staging.status());
    staging_ = *std::move(staging);
    auto arena = Arena::Create(device_, 1 << 16);
    COG_CHECK_OK(arena.status());
    arena_ = std::make_unique<Arena>(*std::move(arena));
  }

  // The ends of each sequence.
  void Put(int64_t micro_batch, const Batch& whole) {
    staging_.Put(micro_batch, whole, {{0, 1}, {3, 1}});
  }

  CpuDevice device_;
  LazyStream stream_{device_};
  std::unique_ptr<Arena> arena_;
  TokenStaging staging_;
};

TEST_F(TokenStagingTest, MicroBatchesOfAStepDoNotOverwriteEachOther) {
  std::vector<TensorView> inputs, targets, starts;
  for (int i = 0; i < 2; ++i) {
    Put(i, Ramp(10 * i, /*documents=*/true));
    inputs.push_back(staging_.Inputs(i, stream_, *arena_));
    targets.push_back(staging_.Targets(i, stream_, *arena_));
    starts.push_back(staging_.DocumentStarts(i, stream_, *arena_));
  }
  EXPECT_EQ(stream_.waits(), 0);
  stream_.Synchronize();
  EXPECT_THAT(Values(inputs[0]), ElementsAre(0, 3, 4, 7));
  EXPECT_THAT(Values(inputs[1]), ElementsAre(10, 13, 14, 17));
  EXPECT_THAT(Values(targets[0]), ElementsAre(100, 103, 104, 107));
  EXPECT_THAT(Values(targets[1]), ElementsAre(110, 113, 114, 117));
  EXPECT_THAT(Values(starts[0]), ElementsAre(200, 203, 204, 207));
  EXPECT_THAT(Values(starts[1]), ElementsAre(210, 213, 214, 217));
  EXPECT_EQ(staging_.num_targets(0), 7);
  EXPECT_EQ(staging_.num_targets(1), 17);
}

TEST_F(TokenStagingTest, TheNextStepWaitsOnlyForWhatIsStillCopied) {
  Put(0, Ramp(0, false));
  const TensorView first = staging_.Inputs(0, stream_, *arena_);
  staging_.Restart(stream_);  // two evaluations, nothing between them
  EXPECT_EQ(stream_.waits(), 1);
  Put(0, Ramp(50, false));
  const TensorView second = staging_.Inputs(0, stream_, *arena_);
  stream_.Synchronize();  // a step waits for its loss
  EXPECT_THAT(Values(first), ElementsAre(0, 3, 4, 7));
  EXPECT_THAT(Values(second), ElementsAre(50, 53, 54, 57));
  staging_.Restart(stream_);
  EXPECT_EQ(stream_.waits(), 2);
}

TEST_F(TokenStagingTest, ABatchWithoutDocumentsHasNoStarts) {
  Put(0, Ramp(0, /*documents=*/true));
  EXPECT_TRUE(staging_.DocumentStarts(0, stream_, *arena_));
  staging_.Restart(stream_);
  Put(0, Ramp(0, /*documents=*/false));
  EXPECT_FALSE(staging_.DocumentStarts(0, stream_, *arena_));
}

using TokenStagingDeathTest = TokenStagingTest;

TEST_F(TokenStagingDeathTest, AMicroBatchIsNotWrittenTwiceInAStep) {
  Put(1, Ramp(0, false));
  EXPECT_DEATH(Put(1, Ramp(0, false)), "a copy of it may be under way");
}

}  // namespace
}  // namespace cogdist
