// The ring's schedules, played without messages: every rank's sends meet the
// right receives, in step, and each element is summed exactly once from each
// rank.

#include "parallel/ring_schedule.h"

#include <vector>

#include "gtest/gtest.h"

namespace cogdist {
namespace {

using Schedules = std::vector<RingSchedule>;

Schedules AllReduces(int size, int64_t elements, int64_t chunk) {
  Schedules schedules;
  for (int rank = 0; rank < size; ++rank) {
    schedules.push_back(RingSchedule::AllReduce(
        {.rank = rank, .size = size, .chunk = chunk}, elements));
  }
  return schedules;
}

// Item by item in lockstep; counts[rank][i] has a digit (base 16) for every
// rank whose value is in there.
void Play(const Schedules& schedules,
          std::vector<std::vector<int64_t>>& counts) {
  const int size = schedules.size();
  for (int64_t k = 0; k < schedules[0].num_items(); ++k) {
    const std::vector<std::vector<int64_t>> before = counts;
    for (int rank = 0; rank < size; ++rank) {
      const RingSchedule::Item item = schedules[rank].item(k);
      const int from = schedules[rank].from();
      const ElementRange sent = schedules[from].item(k).send;
      ASSERT_EQ(sent.begin, item.receive.begin);
      ASSERT_EQ(sent.count, item.receive.count);
      for (int64_t i = sent.begin; i < sent.end(); ++i) {
        counts[rank][i] = (item.add ? counts[rank][i] : 0) + before[from][i];
      }
    }
  }
}

TEST(RingScheduleTest, AllReduceAddsEveryRankOnceEverywhere) {
  for (int size = 1; size <= 8; ++size) {
    for (const int64_t elements : {0, 1, 5, 7, 8, 9, 40, 101}) {
      for (const int64_t chunk : {1, 3, 1000}) {
        const Schedules schedules = AllReduces(size, elements, chunk);
        std::vector<std::vector<int64_t>> counts;
        int64_t all = 0;
        for (int rank = 0; rank < size; ++rank) {
          counts.emplace_back(elements, int64_t{1} << (4 * rank));
          all += int64_t{1} << (4 * rank);
        }
        Play(schedules, counts);
        for (const std::vector<int64_t>& count : counts) {
          EXPECT_EQ(count, std::vector<int64_t>(elements, all));
        }
      }
    }
  }
}

TEST(RingScheduleTest, BytesAreTheLowerBound) {
  // 2 (n-1)/n of the payload a rank where n divides it, and that on average
  // where it does not.
  EXPECT_EQ(AllReduces(4, 1000, 64)[2].SentElements(), 2 * 3 * 250);
  for (int size = 1; size <= 8; ++size) {
    int64_t sent = 0;
    for (const RingSchedule& schedule : AllReduces(size, 1003, 64)) {
      sent += schedule.SentElements();
    }
    EXPECT_EQ(sent, 2 * (size - 1) * 1003);
  }
}

TEST(RingScheduleTest, PayloadsBeyond32BitsComeInSmallMessages) {
  constexpr int64_t kElements = (int64_t{5} << 32) + 3;
  constexpr int64_t kChunk = 1 << 16;
  const RingSchedule schedule = RingSchedule::AllReduce(
      {.rank = 1, .size = 3, .chunk = kChunk}, kElements);
  // Rank 1 sends every part once, and part 0 in both halves.
  EXPECT_EQ(schedule.SentElements(),
            kElements + EvenPart(kElements, 3, 0).count);
  // The last part's last chunk ends where the payload does.
  const int64_t chunks = schedule.num_items() / 4;
  EXPECT_EQ(schedule.item(chunks - 1).receive.end(), kElements);
  EXPECT_LE(schedule.item(chunks - 1).receive.count, kChunk);
}

TEST(RingScheduleTest, DependenciesPointBackwards) {
  const RingSchedule ring =
      RingSchedule::AllReduce({.rank = 0, .size = 4, .chunk = 10}, 80);
  ASSERT_EQ(ring.num_items(), 6 * 2);  // 6 steps of 20 elements
  EXPECT_LE(ring.SendNeeds(1), 0);     // the first step sends what is there
  EXPECT_EQ(ring.SendNeeds(2), 1);     // then what the step before has received
  EXPECT_LE(ring.ReceiveNeeds(5), 0);  // sums arrive in scratch memory
  EXPECT_EQ(ring.ReceiveNeeds(6), 1);  // copies overwrite what was sent first
  EXPECT_EQ(ring.item(0).send.begin, ring.item(6).receive.begin);
}

TEST(EvenPartTest, CoversEverythingOnce) {
  for (const int64_t elements : {0, 1, 6, 7, 8, 100}) {
    int64_t next = 0;
    for (int part = 0; part < 7; ++part) {
      const ElementRange range = EvenPart(elements, 7, part);
      EXPECT_EQ(range.begin, next);
      EXPECT_GE(range.count, elements / 7);
      EXPECT_LE(range.count, (elements + 6) / 7);
      next = range.end();
    }
    EXPECT_EQ(next, elements);
  }
}

}  // namespace
}  // namespace cogdist
