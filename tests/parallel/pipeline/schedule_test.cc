// Schedules are carried out by a simulator that blocks where ranks would block.

#include "parallel/pipeline/schedule.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cogdist {
namespace {

using Kind = PipelineAction::Kind;

constexpr int kMaxRanks = 8;
constexpr int kMaxChunks = 4;
constexpr int kMaxMicroBatches = 17;

std::string Text(const PipelineShape& shape) {
  return absl::StrCat("p ", shape.ranks, " v ", shape.chunks, " m ",
                      shape.micro_batches);
}

template <typename Body>
void ForAllShapes(const Body& body) {
  for (int p = 1; p <= kMaxRanks; ++p) {
    for (int v = 1; v <= kMaxChunks; ++v) {
      for (int m = 1; m <= kMaxMicroBatches; ++m) {
        const PipelineShape shape = {p, v, m};
        SCOPED_TRACE(Text(shape));
        body(shape);
        if (testing::Test::HasFailure()) return;
      }
    }
  }
}

// "F0.1": forward of chunk 0, micro-batch 1.
std::string Text(const std::vector<PipelineAction>& schedule) {
  std::string text;
  for (const PipelineAction& action : schedule) {
    absl::StrAppend(&text, text.empty() ? "" : " ",
                    action.kind == Kind::kForward ? "F" : "B", action.chunk,
                    ".", action.micro_batch);
  }
  return text;
}

// From one rank to another, of one kind of pass: receives meet sends in order.
struct Channel {
  struct Message {
    int chunk = 0;  // the model's, that it comes from
    int micro_batch = 0;
    int64_t sent = 0;  // time
  };
  std::vector<Message> messages;
  std::vector<int64_t> received;  // time, of those taken so far
};

// All ranks of a pipeline. A rank does its actions in order. It starts one when
// its message is there and it has a buffer for its result: of those that it has
// sent, as many as it has buffers may not be in use by the receiver yet.
class Simulator {
 public:
  struct Costs {
    int64_t forward = 1;
    int64_t backward = 1;
  };
  Simulator(const PipelineShape& shape, const Costs& costs,
            bool evaluation = false)
      : shape_(shape), costs_(costs), ranks_(shape.ranks) {
    for (int rank = 0; rank < shape.ranks; ++rank) {
      ranks_[rank].actions = evaluation ? EvaluationSchedule(shape)
                                        : TrainingSchedule(shape, rank);
      ranks_[rank].buffers = BuffersOf(shape, rank);
    }
  }

  // False if the ranks block each other.
  bool Run() {
    bool moved = true;
    while (moved) {
      moved = false;
      for (int rank = 0; rank < shape_.ranks; ++rank) {
        while (Step(rank)) moved = true;
      }
    }
    return std::all_of(ranks_.begin(), ranks_.end(), [](const Rank& rank) {
      return rank.next == rank.actions.size();
    });
  }

  int64_t end() const {
    int64_t end = 0;
    for (const Rank& rank : ranks_) end = std::max(end, rank.clock);
    return end;
  }
  bool all_received() const {
    return std::all_of(channels_.begin(), channels_.end(), [](const auto& c) {
      return c.second.received.size() == c.second.messages.size();
    });
  }

 private:
  struct Rank {
    std::vector<PipelineAction> actions;
    PipelineBuffers buffers;
    size_t next = 0;
    int64_t clock = 0;
  };
  using ChannelKey = std::tuple<Kind, int, int>;  // kind, from, to

  // The rank's next action; false if it cannot be done yet.
  bool Step(int number) {
    Rank& rank = ranks_[number];
    if (rank.next == rank.actions.size()) return false;
    const PipelineAction& action = rank.actions[rank.next];
    const bool forward = action.kind == Kind::kForward;
    const int ahead = forward ? 1 : -1;  // where its result goes
    const int chunk = shape_.ModelChunk(number, action.chunk);
    const int deepest = shape_.ranks * shape_.chunks - 1;
    const bool receives = chunk != (forward ? 0 : deepest);
    const bool sends = chunk != (forward ? deepest : 0);
    Channel& from = channels_[{action.kind, RankAfter(number, -ahead), number}];
    Channel& to = channels_[{action.kind, number, RankAfter(number, ahead)}];
    const size_t buffers =
        forward ? rank.buffers.outputs : rank.buffers.d_inputs;
    const size_t needed = sends ? to.messages.size() + 1 : 0;  // sent by then
    if (needed > to.received.size() + buffers) return false;
    if (receives && from.received.size() == from.messages.size()) return false;
    if (needed > buffers) {
      rank.clock = std::max(rank.clock, to.received[needed - buffers - 1]);
    }
    if (receives) Receive(rank, from, chunk - ahead, action.micro_batch);
    rank.clock += forward ? costs_.forward : costs_.backward;
    if (sends) to.messages.push_back({chunk, action.micro_batch, rank.clock});
    ++rank.next;
    return true;
  }

  void Receive(Rank& rank, Channel& from, int chunk, int micro_batch) {
    const Channel::Message& message = from.messages[from.received.size()];
    EXPECT_EQ(message.chunk, chunk);
    EXPECT_EQ(message.micro_batch, micro_batch);
    rank.clock = std::max(rank.clock, message.sent);
    from.received.push_back(rank.clock);
  }

  int RankAfter(int rank, int by) const {
    return (rank + by + shape_.ranks) % shape_.ranks;
  }

  const PipelineShape shape_;
  const Costs costs_;
  std::vector<Rank> ranks_;
  std::map<ChannelKey, Channel> channels_;
};

TEST(PipelineScheduleTest, OneRankAlternates) {
  EXPECT_EQ(Text(TrainingSchedule({1, 1, 3}, 0)),
            "F0.0 B0.0 F0.1 B0.1 F0.2 B0.2");
}

TEST(PipelineScheduleTest, OneForwardOneBackward) {
  EXPECT_EQ(Text(TrainingSchedule({3, 1, 4}, 0)),
            "F0.0 F0.1 F0.2 B0.0 F0.3 B0.1 B0.2 B0.3");
  EXPECT_EQ(Text(TrainingSchedule({3, 1, 4}, 1)),
            "F0.0 F0.1 B0.0 F0.2 B0.1 F0.3 B0.2 B0.3");
  EXPECT_EQ(Text(TrainingSchedule({3, 1, 4}, 2)),
            "F0.0 B0.0 F0.1 B0.1 F0.2 B0.2 F0.3 B0.3");
}

// By hand from the rule, for the smallest interesting ring.
TEST(PipelineScheduleTest, Interleaved) {
  EXPECT_EQ(Text(TrainingSchedule({2, 2, 4}, 0)),
            "F0.0 F0.1 F1.0 F1.1 F0.2 B1.0 F0.3 B1.1 F1.2 B0.0 F1.3 B0.1 "
            "B1.2 B1.3 B0.2 B0.3");
  EXPECT_EQ(Text(TrainingSchedule({2, 2, 4}, 1)),
            "F0.0 F0.1 F1.0 B1.0 F1.1 B1.1 F0.2 B0.0 F0.3 B0.1 F1.2 B1.2 "
            "F1.3 B1.3 B0.2 B0.3");
}

TEST(PipelineScheduleTest, GroupsAreAtLeastTheRingAndEven) {
  EXPECT_EQ(Text(EvaluationSchedule({2, 2, 5})),
            "F0.0 F0.1 F1.0 F1.1 F0.2 F0.3 F0.4 F1.2 F1.3 F1.4");
}

TEST(PipelineScheduleTest, NobodyBlocksAndEveryMessageMeetsItsReceive) {
  ForAllShapes([](const PipelineShape& shape) {
    if (shape.ranks == 1) return;  // no messages
    Simulator training(shape, {});
    EXPECT_TRUE(training.Run());
    EXPECT_TRUE(training.all_received());
    Simulator evaluation(shape, {}, /*evaluation=*/true);
    EXPECT_TRUE(evaluation.Run());
    EXPECT_TRUE(evaluation.all_received());
  });
}

TEST(PipelineScheduleTest, EveryPassOnceForwardFirstInMicroBatchOrder) {
  ForAllShapes([](const PipelineShape& shape) {
    for (int rank = 0; rank < shape.ranks; ++rank) {
      std::array<std::vector<int>, 2> done;
      done.fill(std::vector<int>(shape.chunks, 0));
      for (const PipelineAction& a : TrainingSchedule(shape, rank)) {
        const bool backward = a.kind == Kind::kBackward;
        int& count = done[backward][a.chunk];
        EXPECT_EQ(a.micro_batch, count++);
        if (backward) {
          EXPECT_LE(count, done[0][a.chunk]);
        }
      }
      EXPECT_THAT(done[0], testing::Each(shape.micro_batches));
      EXPECT_THAT(done[1], testing::Each(shape.micro_batches));
    }
  });
}

TEST(PipelineScheduleTest, SlotsAreHeldByOneAndNoMoreThanNeeded) {
  ForAllShapes([](const PipelineShape& shape) {
    for (int rank = 0; rank < shape.ranks; ++rank) {
      const auto schedule = TrainingSchedule(shape, rank);
      std::map<int, std::pair<int, int>> held;  // by slot
      int most = 0;
      for (const PipelineAction& a : schedule) {
        const std::pair<int, int> pass = {a.chunk, a.micro_batch};
        if (a.kind == Kind::kForward) {
          EXPECT_TRUE(held.emplace(a.slot, pass).second);
        } else {
          EXPECT_EQ(held[a.slot], pass);
          held.erase(a.slot);
        }
        most = std::max<int>(most, held.size());
      }
      EXPECT_EQ(NumSlots(schedule), most);
    }
  });
}

// The numbers that the papers give.
TEST(PipelineScheduleTest, InFlightIsTheBound) {
  ForAllShapes([](const PipelineShape& shape) {
    const auto [p, v, m] = shape;
    if (m % p != 0) return;
    for (int rank = 0; rank < p; ++rank) {
      const int bound =
          v == 1 ? p - rank : 2 * (p - 1 - rank) + (v - 1) * p + 1;
      EXPECT_EQ(NumSlots(TrainingSchedule(shape, rank)),
                std::min(bound, v * m));
    }
  });
}

TEST(PipelineScheduleTest, IdleTimeIsThePapers) {
  ForAllShapes([](const PipelineShape& shape) {
    const auto [p, v, m] = shape;
    if (p == 1 || m % p != 0) return;
    for (const int64_t backward : {1, 2}) {
      Simulator simulator(shape, {.forward = 1, .backward = backward});
      ASSERT_TRUE(simulator.Run());
      // Idle time over working time is (p - 1) / (v m).
      EXPECT_EQ(simulator.end(), (v * m + p - 1) * (1 + backward));
    }
  });
}

TEST(PipelineScheduleTest, OtherNumbersOfMicroBatchesIdleNoMore) {
  ForAllShapes([](const PipelineShape& shape) {
    const auto [p, v, m] = shape;
    if (p == 1 || m < p) return;
    Simulator simulator(shape, {.forward = 1, .backward = 2});
    ASSERT_TRUE(simulator.Run());
    EXPECT_LE(simulator.end(), (v * m + p - 1) * 3);
  });
}

TEST(PipelineScheduleTest, BuffersOfTheEnds) {
  const PipelineBuffers first = BuffersOf({4, 1, 8}, 0);
  EXPECT_EQ(first.inputs, 0);
  EXPECT_EQ(first.outputs, 2);
  EXPECT_EQ(first.d_outputs, 2);
  EXPECT_EQ(first.d_inputs, 0);
  const PipelineBuffers last = BuffersOf({4, 1, 8}, 3);
  EXPECT_EQ(last.inputs, 2);
  EXPECT_EQ(last.outputs, 0);
  EXPECT_EQ(last.d_outputs, 0);
  EXPECT_EQ(last.d_inputs, 2);
  // Three in flight, and one on its way.
  EXPECT_EQ(BuffersOf({4, 1, 8}, 1).inputs, 4);
}

TEST(PipelineScheduleTest, OneRankNeedsNoBuffers) {
  const PipelineBuffers buffers = BuffersOf({1, 1, 5}, 0);
  EXPECT_EQ(buffers.inputs + buffers.outputs, 0);
  EXPECT_EQ(buffers.d_outputs + buffers.d_inputs, 0);
}

}  // namespace
}  // namespace cogdist
