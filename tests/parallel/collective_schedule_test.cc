// Schedules, played without data: every element is the text of the sum that a
// real run would compute, and messages arrive in any order that a transport and
// the stated dependencies allow.

#include "parallel/collective_schedule.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "runtime/rng.h"

namespace cogdist {
namespace {

using Schedules = std::vector<CollectiveSchedule>;
using Values = std::vector<std::vector<std::string>>;  // by rank, element

// The sum of two as text; additions of two numbers commute.
std::string Plus(const std::string& a, const std::string& b) {
  return absl::StrCat("(", std::min(a, b), "+", std::max(a, b), ")");
}

// Carries out one collective on all ranks, in place. A send is read when it
// arrives, as late as may be, and a copy is written at once.
class Player {
 public:
  Player(const Schedules& schedules, Values& values, uint64_t seed)
      : schedules_(schedules), values_(values), rng_(seed, 0) {
    ranks_.resize(schedules.size());
  }

  void Run() {
    while (PostAll() || !InFlight().empty()) {
      const std::vector<Channel> ready = InFlight();
      if (!ready.empty()) Deliver(ready[rng_.Below(ready.size(), draws_++)]);
    }
    for (size_t r = 0; r < ranks_.size(); ++r) {
      EXPECT_EQ(Prefix(ranks_[r].sent), schedules_[r].num_sends()) << r;
      EXPECT_EQ(Prefix(ranks_[r].received), schedules_[r].num_receives()) << r;
    }
  }

 private:
  using Channel = std::pair<int, int>;  // from, to
  struct Rank {
    // Of what has been posted: done or not.
    std::vector<bool> sent, received;
    int64_t reduced = 0;  // receives that have joined the values
    std::map<int64_t, std::vector<std::string>> scratch;  // by receive
  };

  static int64_t Prefix(const std::vector<bool>& done) {
    return std::find(done.begin(), done.end(), false) - done.begin();
  }

  bool PostAll() {
    bool any = false;
    for (int r = 0; r < static_cast<int>(ranks_.size()); ++r) {
      Rank& rank = ranks_[r];
      for (int64_t k = rank.sent.size(); k < schedules_[r].num_sends(); ++k) {
        const CollectiveSchedule::Message m = schedules_[r].send(k);
        if (Prefix(rank.received) < m.needs) break;
        sends_[{r, m.peer}].push_back(k);
        rank.sent.push_back(false);
        any = true;
      }
      for (int64_t k = rank.received.size(); k < schedules_[r].num_receives();
           ++k) {
        const CollectiveSchedule::Message m = schedules_[r].receive(k);
        if (Prefix(rank.sent) < m.needs) break;
        receives_[{m.peer, r}].push_back(k);
        rank.received.push_back(false);
        any = true;
      }
    }
    return any;
  }

  std::vector<Channel> InFlight() {
    std::vector<Channel> ready;
    for (const auto& [channel, sends] : sends_) {
      if (!sends.empty() && !receives_[channel].empty()) {
        ready.push_back(channel);
      }
    }
    return ready;
  }

  void Deliver(const Channel& channel) {
    const auto [from, to] = channel;
    const int64_t i = sends_[channel].front();
    const int64_t k = receives_[channel].front();
    sends_[channel].pop_front();
    receives_[channel].pop_front();
    const ElementRange out = schedules_[from].send(i).range;
    const CollectiveSchedule::Message in = schedules_[to].receive(k);
    ASSERT_EQ(out.begin, in.range.begin);
    ASSERT_EQ(out.count, in.range.count);
    const auto source = values_[from].begin() + out.begin;
    if (in.reduce) {
      ranks_[to].scratch[k].assign(source, source + out.count);
    } else {
      std::copy_n(source, out.count, values_[to].begin() + out.begin);
    }
    ranks_[from].sent[i] = true;
    ranks_[to].received[k] = true;
    Reduce(to);
  }

  // Reductions happen in order, whenever their messages arrive.
  void Reduce(int r) {
    Rank& rank = ranks_[r];
    for (; rank.reduced < Prefix(rank.received); ++rank.reduced) {
      const int64_t begin = schedules_[r].receive(rank.reduced).range.begin;
      const std::vector<std::string>& terms = rank.scratch[rank.reduced];
      for (size_t i = 0; i < terms.size(); ++i) {
        values_[r][begin + i] = Plus(values_[r][begin + i], terms[i]);
      }
    }
  }

  const Schedules& schedules_;
  Values& values_;
  const Rng rng_;
  uint64_t draws_ = 0;
  std::vector<Rank> ranks_;
  std::map<Channel, std::deque<int64_t>> sends_,
      receives_;  // posted, by number
};

Schedules ForAll(
    int size, int64_t chunk,
    const std::function<CollectiveSchedule(const CollectiveSchedule::Group&)>&
        make) {
  Schedules schedules;
  for (int rank = 0; rank < size; ++rank) {
    schedules.push_back(make({.rank = rank, .size = size, .chunk = chunk}));
  }
  return schedules;
}

Schedules AllReduces(int size, int64_t elements, int64_t chunk,
                     SumOrder order) {
  return ForAll(size, chunk, [&](const CollectiveSchedule::Group& group) {
    return CollectiveSchedule::AllReduce(group, EvenBorders(elements, size),
                                         Reduction::kSum, order);
  });
}

// Every element of rank r is the text "r".
Values Names(int size, int64_t elements) {
  Values values;
  for (int rank = 0; rank < size; ++rank) {
    values.emplace_back(elements, absl::StrCat(rank));
  }
  return values;
}

// The documented order of part `part`.
std::string ExpectedSum(SumOrder order, int part, int size) {
  std::vector<std::string> terms;
  for (int rank = 0; rank < size; ++rank) terms.push_back(absl::StrCat(rank));
  if (order == SumOrder::kPairwise) {
    for (; terms.size() > 1; terms.resize(terms.size() / 2)) {
      for (size_t i = 0; i < terms.size() / 2; ++i) {
        terms[i] = Plus(terms[2 * i], terms[2 * i + 1]);
      }
    }
    return terms[0];
  }
  std::string sum = terms[(part + 1) % size];
  for (int i = 2; i <= size; ++i) sum = Plus(sum, terms[(part + i) % size]);
  return sum;
}

std::vector<std::pair<SumOrder, int>> OrdersAndSizes() {
  std::vector<std::pair<SumOrder, int>> all;
  for (int size = 1; size <= 8; ++size) all.push_back({SumOrder::kRing, size});
  for (const int size : {1, 2, 4, 8, 16}) {
    all.push_back({SumOrder::kPairwise, size});
  }
  return all;
}

TEST(CollectiveScheduleTest, AllReduceSumsInItsOrderEverywhere) {
  for (const auto& [order, size] : OrdersAndSizes()) {
    for (const int64_t elements : {0, 1, 5, 7, 8, 9, 40, 101}) {
      for (const int64_t chunk : {1, 3, 1000}) {
        SCOPED_TRACE(absl::StrCat(size, " ranks, ", elements, "/", chunk));
        Values values = Names(size, elements);
        const Schedules schedules = AllReduces(size, elements, chunk, order);
        Player(schedules, values, elements + chunk).Run();
        for (int part = 0; part < size; ++part) {
          const ElementRange range = EvenPart(elements, size, part);
          const std::string expected = ExpectedSum(order, part, size);
          for (const std::vector<std::string>& of_rank : values) {
            for (int64_t i = range.begin; i < range.end(); ++i) {
              ASSERT_EQ(of_rank[i], expected) << i;
            }
          }
        }
      }
    }
  }
}

// The parts of an uneven tensor: some empty, one large, gaps at both ends.
std::vector<int64_t> UnevenBorders(int size) {
  std::vector<int64_t> borders = {2};
  for (int i = 0; i < size; ++i) {
    borders.push_back(borders.back() + (i % 3 == 1 ? 0 : i == 2 ? 29 : 4 + i));
  }
  return borders;
}

TEST(CollectiveScheduleTest, ReduceScatterAndAllGatherOfUnevenParts) {
  for (const auto& [order, size] : OrdersAndSizes()) {
    const std::vector<int64_t> borders = UnevenBorders(size);
    const int64_t elements = borders.back() + 3;
    Values values = Names(size, elements);
    const SumOrder o = order;
    const Schedules reduce =
        ForAll(size, 5, [&](const CollectiveSchedule::Group& group) {
          return CollectiveSchedule::ReduceScatter(group, borders,
                                                   Reduction::kSum, o);
        });
    const Schedules gather =
        ForAll(size, 5, [&](const CollectiveSchedule::Group& group) {
          return CollectiveSchedule::AllGather(group, borders);
        });
    Player(reduce, values, 1).Run();
    for (int rank = 0; rank < size; ++rank) {
      const ElementRange mine = PartOf(borders, rank);
      for (int64_t i = mine.begin; i < mine.end(); ++i) {
        ASSERT_EQ(values[rank][i], ExpectedSum(order, rank, size));
      }
    }
    Player(gather, values, 2).Run();
    int64_t sent_reducing = 0, sent_gathering = 0;
    for (int rank = 0; rank < size; ++rank) {
      for (int part = 0; part < size; ++part) {
        const ElementRange range = PartOf(borders, part);
        for (int64_t i = range.begin; i < range.end(); ++i) {
          ASSERT_EQ(values[rank][i], ExpectedSum(order, part, size));
        }
      }
      ASSERT_EQ(values[rank][1], absl::StrCat(rank));  // outside of all parts
      ASSERT_EQ(values[rank][elements - 1], absl::StrCat(rank));
      sent_reducing += reduce[rank].SentElements();
      sent_gathering += gather[rank].SentElements();
    }
    EXPECT_EQ(sent_reducing, (size - 1) * (borders.back() - borders.front()));
    EXPECT_EQ(sent_gathering, sent_reducing);
  }
}

TEST(CollectiveScheduleTest, BroadcastReachesAll) {
  for (int size = 1; size <= 8; ++size) {
    for (int root = 0; root < size; ++root) {
      Values values = Names(size, 10);
      Player(ForAll(size, 3,
                    [&](const CollectiveSchedule::Group& group) {
                      return CollectiveSchedule::Broadcast(group, 10, root);
                    }),
             values, root)
          .Run();
      for (const std::vector<std::string>& of_rank : values) {
        EXPECT_EQ(of_rank, std::vector<std::string>(10, absl::StrCat(root)));
      }
    }
  }
}

TEST(CollectiveScheduleTest, BytesAreTheLowerBound) {
  for (const auto& [order, size] : OrdersAndSizes()) {
    // 2 (n-1)/n of the payload a rank where n divides it, and that on average
    // where it does not.
    const int64_t even = size * 250;
    for (const CollectiveSchedule& schedule :
         AllReduces(size, even, 64, order)) {
      EXPECT_EQ(schedule.SentElements(), 2 * (size - 1) * 250);
    }
    int64_t sent = 0;
    for (const CollectiveSchedule& schedule :
         AllReduces(size, 1003, 64, order)) {
      sent += schedule.SentElements();
    }
    EXPECT_EQ(sent, 2 * (size - 1) * 1003);
  }
}

TEST(CollectiveScheduleTest, PayloadsBeyond32BitsComeInSmallMessages) {
  constexpr int64_t kElements = (int64_t{5} << 32) + 3;
  constexpr int64_t kChunk = 1 << 16;
  const CollectiveSchedule schedule = CollectiveSchedule::AllReduce(
      {.rank = 1, .size = 3, .chunk = kChunk}, EvenBorders(kElements, 3),
      Reduction::kSum, SumOrder::kRing);
  // Rank 1 sends every part once, and part 0 in both halves.
  const int64_t part = EvenPart(kElements, 3, 0).count;
  EXPECT_EQ(schedule.SentElements(), kElements + part);
  // It receives part 2 first, whose last chunk ends where the payload does.
  const int64_t chunks =
      (EvenPart(kElements, 3, 2).count + kChunk - 1) / kChunk;
  EXPECT_EQ(schedule.receive(chunks - 1).range.end(), kElements);
  EXPECT_LE(schedule.receive(chunks - 1).range.count, kChunk);
}

TEST(CollectiveScheduleTest, DependenciesPointBackwards) {
  const CollectiveSchedule ring =
      AllReduces(4, 80, 10, SumOrder::kRing).front();
  ASSERT_EQ(ring.num_sends(), 6 * 2);  // 6 steps of 20 elements
  EXPECT_EQ(ring.send(1).needs, 0);    // the first step sends what is there
  EXPECT_EQ(ring.send(2).needs, 1);    // then what the step before has received
  EXPECT_EQ(ring.receive(5).needs, 0);  // sums arrive in scratch memory
  EXPECT_EQ(ring.receive(6).needs, 1);  // copies overwrite what was sent first
  EXPECT_EQ(ring.send(0).range.begin, ring.receive(6).range.begin);
}

TEST(CollectiveScheduleTest, SendRecvWaitsForNothing) {
  const CollectiveSchedule both = CollectiveSchedule::SendRecv(
      {.rank = 1, .size = 4, .chunk = 8}, {.elements = 17, .peer = 3},
      {.elements = 8, .peer = 0});
  ASSERT_EQ(both.num_sends(), 3);
  ASSERT_EQ(both.num_receives(), 1);
  EXPECT_EQ(both.send(2).range.count, 1);
  EXPECT_EQ(both.send(2).peer, 3);
  EXPECT_EQ(both.send(2).needs, 0);
  EXPECT_EQ(both.receive(0).peer, 0);
  EXPECT_FALSE(both.Reduces());
}

TEST(EvenPartTest, CoversEverythingOnce) {
  for (const int64_t elements : {0, 1, 6, 7, 8, 100}) {
    const std::vector<int64_t> borders = EvenBorders(elements, 7);
    int64_t next = 0;
    for (int part = 0; part < 7; ++part) {
      const ElementRange range = EvenPart(elements, 7, part);
      EXPECT_EQ(PartOf(borders, part).begin, range.begin);
      EXPECT_EQ(PartOf(borders, part).count, range.count);
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
