#include "parallel/stream_lane.h"

#include <atomic>
#include <optional>
#include <thread>

#include "gtest/gtest.h"
#include "runtime/check.h"
#include "runtime/process.h"

namespace cogdist {
namespace {

class StreamLaneTest : public ::testing::Test {
 protected:
  StreamLaneTest()
      : ledger_(0, {{.host = "here", .process = ThisProcess(), .here = true}}) {
    lane_.emplace(ledger_, ledger_.AddLane("tensor", {0}), marks_);
  }
  ~StreamLaneTest() override { CurrentRankTag().step = 0; }

  int64_t Enqueue(int64_t step, int64_t elements) {
    CurrentRankTag().step = step;
    return lane_->Enqueue(
        {.operation = Operation::kAllReduce, .elements = elements});
  }
  Ledger::LaneState Look() {
    ledger_.Refresh();
    return ledger_.Read(0).lanes[0];
  }

  Ledger ledger_;
  StreamLane::Marks marks_;
  std::optional<StreamLane> lane_;
};

TEST_F(StreamLaneTest, AnOperationBeginsWhenTheStreamComesToIt) {
  EXPECT_EQ(Enqueue(4, 10), 1);
  EXPECT_EQ(Enqueue(5, 20), 2);
  EXPECT_EQ(ledger_.Read(0).step, 5);
  EXPECT_EQ(Look().begun, 0);
  marks_.begun = 1;
  Ledger::LaneState lane = Look();
  EXPECT_TRUE(lane.active());
  EXPECT_EQ(lane.step, 4);
  EXPECT_EQ(lane.entry.elements, 10);
  marks_.finished = 1;
  EXPECT_FALSE(Look().active());
  marks_.begun = 2;
  lane = Look();
  EXPECT_TRUE(lane.active());
  EXPECT_EQ(lane.step, 5);
  EXPECT_EQ(lane.entry.elements, 20);
}

TEST_F(StreamLaneTest, SeveralBetweenTwoLooks) {
  for (int i = 1; i <= 9; ++i) Enqueue(1, i);
  marks_.begun = 7;
  marks_.finished = 6;
  const Ledger::LaneState lane = Look();
  EXPECT_EQ(lane.begun, 7);
  EXPECT_EQ(lane.finished, 6);
  EXPECT_EQ(lane.entry.elements, 7);
}

// The thread may sit in a call of the device's library.
TEST_F(StreamLaneTest, TheStreamWorksForItsThread) {
  Enqueue(1, 1);
  const int64_t idle = Look().polls;
  EXPECT_EQ(Look().polls, idle);
  marks_.begun = 1;
  const int64_t busy = Look().polls;
  EXPECT_GT(Look().polls, busy);
}

// Streams of one group write independently.
TEST_F(StreamLaneTest, MarksMayOvertakeEachOther) {
  Enqueue(1, 1);
  Enqueue(1, 2);
  marks_.finished = 2;
  marks_.begun = 1;
  EXPECT_FALSE(Look().active());
  marks_.begun = 2;
  const Ledger::LaneState lane = Look();
  EXPECT_EQ(lane.begun, 2);
  EXPECT_EQ(lane.finished, 2);
}

TEST_F(StreamLaneTest, TheEndIsToldWithoutALook) {
  Enqueue(1, 1);
  marks_.begun = marks_.finished = 1;
  lane_.reset();
  EXPECT_EQ(ledger_.Read(0).lanes[0].finished, 1);
  ledger_.Refresh();
}

TEST_F(StreamLaneTest, NobodyNeedsToLook) {
  constexpr int kMany = 10000;
  for (int i = 1; i <= kMany; ++i) {
    Enqueue(1, i);
    marks_.begun = marks_.finished = i;
  }
  EXPECT_GT(ledger_.Read(0).lanes[0].finished, kMany / 2);
  EXPECT_EQ(Look().finished, kMany);
}

TEST_F(StreamLaneTest, LooksOfAnotherThread) {
  std::atomic<bool> done = false;
  std::thread watch([&] {
    while (!done) ledger_.Refresh();
  });
  for (int i = 1; i <= 1000; ++i) {
    Enqueue(1, i);
    marks_.begun = i;
    marks_.finished = i;
  }
  done = true;
  watch.join();
  EXPECT_EQ(Look().finished, 1000);
}

}  // namespace
}  // namespace cogdist
