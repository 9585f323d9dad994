// What every communicator must do, whatever carries its messages. The
// expectations are computed from the ranks' inputs, which are small integers
// (exact in any order of summation) or random floats (summed in float64).

#ifndef COGDIST_TESTS_PARALLEL_COLLECTIVE_CHECKS_H_
#define COGDIST_TESTS_PARALLEL_COLLECTIVE_CHECKS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "parallel/communicator.h"
#include "parallel/partition.h"
#include "runtime/bfloat16.h"
#include "runtime/dtype.h"
#include "runtime/rng.h"
#include "runtime/stream.h"

namespace cogdist::testing {

// Sizes around the group's, around chunk borders, and a big odd one.
inline std::vector<int64_t> InterestingCounts(int size) {
  return {0, 1, 2, size - 1, size, size + 1, 63, 64, 65, 257, 1000, 12345};
}

// Small integers, different for every rank and element.
template <typename T>
std::vector<T> Integers(int rank, int64_t count) {
  std::vector<T> values(count);
  for (int64_t i = 0; i < count; ++i) {
    values[i] = T(static_cast<float>((i * 7 + rank * 3) % 11 - 5));
  }
  return values;
}

template <typename T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
  const auto bytes = [](const std::vector<T>& v) {
    return absl::string_view(reinterpret_cast<const char*>(v.data()),
                             v.size() * sizeof(T));
  };
  return bytes(a) == bytes(b);
}

template <typename T>
float IntegerSum(int size, int64_t i) {
  float sum = 0;
  for (int rank = 0; rank < size; ++rank) sum += (i * 7 + rank * 3) % 11 - 5;
  return sum;
}

template <typename T>
TensorView Flat(std::vector<T>& values) {
  return TensorView::Of(values.data(), {static_cast<int64_t>(values.size())});
}

// The bytes that all ranks together have sent between two readings.
class SentByAll {
 public:
  explicit SentByAll(Communicator& group)
      : group_(group), before_(group.traffic().data_bytes) {}
  int64_t Read() {
    double sent[] = {
        static_cast<double>(group_.traffic().data_bytes - before_)};
    group_.AllReduceSumHost(absl::MakeSpan(sent));
    return sent[0];
  }

 private:
  Communicator& group_;
  int64_t before_;
};

template <typename T>
void CheckAllReduce(Communicator& group, Stream& stream, int64_t count) {
  const int n = group.size();
  std::vector<T> x = Integers<T>(group.rank(), count);
  SentByAll sent(group);
  group.AllReduceSum(stream, Flat(x));
  stream.Synchronize();
  for (int64_t i = 0; i < count; ++i) {
    ASSERT_EQ(static_cast<float>(x[i]), IntegerSum<T>(n, i)) << i;
  }
  EXPECT_EQ(sent.Read(), 2 * (n - 1) * count * int64_t{sizeof(T)});
}

template <typename T>
void CheckReduceScatter(Communicator& group, Stream& stream, int64_t count) {
  const int n = group.size();
  std::vector<T> x = Integers<T>(group.rank(), count);
  SentByAll sent(group);
  group.ReduceScatterSum(stream, Flat(x));
  stream.Synchronize();
  const ElementRange part = EvenPart(count, n, group.rank());
  for (int64_t i = part.begin; i < part.end(); ++i) {
    ASSERT_EQ(static_cast<float>(x[i]), IntegerSum<T>(n, i)) << i;
  }
  EXPECT_EQ(sent.Read(), (n - 1) * count * int64_t{sizeof(T)});
}

template <typename T>
void CheckAllGather(Communicator& group, Stream& stream, int64_t count) {
  const int n = group.size();
  std::vector<T> x(count, T(-99));
  const ElementRange mine = EvenPart(count, n, group.rank());
  for (int64_t i = mine.begin; i < mine.end(); ++i) x[i] = T(i % 128);
  SentByAll sent(group);
  group.AllGather(stream, Flat(x));
  stream.Synchronize();
  for (int64_t i = 0; i < count; ++i) {
    ASSERT_EQ(static_cast<float>(x[i]), i % 128) << i;
  }
  EXPECT_EQ(sent.Read(), (n - 1) * count * int64_t{sizeof(T)});
}

template <typename T>
void CheckBroadcast(Communicator& group, Stream& stream, int64_t count) {
  const int n = group.size();
  for (int root = 0; root < n; ++root) {
    std::vector<T> x = Integers<T>(group.rank(), count);
    SentByAll sent(group);
    group.Broadcast(stream, Flat(x), root);
    stream.Synchronize();
    const std::vector<T> expected = Integers<T>(root, count);
    for (int64_t i = 0; i < count; ++i) {
      ASSERT_EQ(static_cast<float>(x[i]), static_cast<float>(expected[i]));
    }
    EXPECT_EQ(sent.Read(), (n - 1) * count * int64_t{sizeof(T)});
  }
}

// Parts of very different sizes, with gaps at both ends, by rank.
inline std::vector<int64_t> UnevenBorders(int64_t count, int size) {
  std::vector<int64_t> borders;
  for (int i = 0; i <= size; ++i) {
    borders.push_back((i % 3 == 1 ? i - 1 : i) * (count - count / 8) / size +
                      count / 16);
  }
  return borders;
}

// The integers are exact in any order, so both orders give them.
template <typename T>
void CheckUnevenParts(Communicator& group, Stream& stream, int64_t count,
                      SumOrder order) {
  const int n = group.size();
  const std::vector<int64_t> borders = UnevenBorders(count, n);
  std::vector<T> x = Integers<T>(group.rank(), count);
  const std::vector<T> own = x;
  SentByAll sent(group);
  group.ReduceScatterSum(stream, Flat(x), borders, order);
  stream.Synchronize();
  const ElementRange mine = PartOf(borders, group.rank());
  for (int64_t i = mine.begin; i < mine.end(); ++i) {
    ASSERT_EQ(static_cast<float>(x[i]), IntegerSum<T>(n, i)) << i;
  }
  const int64_t covered = borders.back() - borders.front();
  EXPECT_EQ(sent.Read(), (n - 1) * covered * int64_t{sizeof(T)});
  group.AllGather(stream, Flat(x), borders);
  stream.Synchronize();
  EXPECT_EQ(sent.Read(), 2 * (n - 1) * covered * int64_t{sizeof(T)});
  for (int64_t i = 0; i < count; ++i) {
    const bool inside = i >= borders.front() && i < borders.back();
    ASSERT_EQ(static_cast<float>(x[i]),
              inside ? IntegerSum<T>(n, i) : static_cast<float>(own[i]))
        << i;
  }
}

// A NaN of any rank comes through, and infinities are ordered.
inline void CheckAllReduceMax(Communicator& group, Stream& stream,
                              int64_t count) {
  const int n = group.size();
  std::vector<float> x = Integers<float>(group.rank(), count);
  for (int64_t i = 0; i < count; ++i) {
    if (i % 5 == 1 && i % n == group.rank()) x[i] = NAN;
    if (i % 5 == 2) x[i] = -INFINITY;
  }
  SentByAll sent(group);
  group.AllReduceMax(stream, Flat(x));
  stream.Synchronize();
  for (int64_t i = 0; i < count; ++i) {
    float expected = i % 5 == 2 ? -INFINITY : -5;
    for (int rank = 0; rank < n && i % 5 != 2; ++rank) {
      expected = std::max(expected, (i * 7 + rank * 3) % 11 - 5.0F);
    }
    if (i % 5 == 1) {
      ASSERT_TRUE(std::isnan(x[i])) << i;
    } else {
      ASSERT_EQ(x[i], expected) << i;
    }
  }
  EXPECT_EQ(sent.Read(), 2 * (n - 1) * count * int64_t{sizeof(float)});
}

// Both directions as one operation on one stream, to a rank `distance` on and
// from one `distance` back: with 1 round the ring, with n/2 between pairs.
// Rank r sends count + r elements.
template <typename T>
void CheckExchange(Communicator& group, Stream& stream, int64_t count,
                   int distance) {
  const int n = group.size();
  if (distance % n == 0) return;
  const int to = (group.rank() + distance) % n;
  const int from = (group.rank() + n - distance) % n;
  std::vector<T> out = Integers<T>(group.rank(), count + group.rank());
  std::vector<T> in(count + from);
  SentByAll sent(group);
  group.SendRecv(stream, Flat(out), to, Flat(in), from);
  stream.Synchronize();
  EXPECT_TRUE(SameBits(in, Integers<T>(from, count + from)));
  EXPECT_EQ(sent.Read(), (n * count + n * (n - 1) / 2) * int64_t{sizeof(T)});
}

// Values move down a line of ranks: its ends have a side without a message.
// The middle's SendRecv() meets the first rank's Send() and the last's Recv().
template <typename T>
void CheckLine(Communicator& group, Stream& stream, int64_t count) {
  const int n = group.size(), rank = group.rank();
  std::vector<T> out = Integers<T>(rank, count), in(rank > 0 ? count : 0);
  if (rank == 0 && n > 1) {
    group.Send(stream, Flat(out), 1);
  } else if (rank == n - 1 && n > 2) {
    group.Recv(stream, Flat(in), rank - 1);
  } else {
    if (rank == n - 1) out.clear();
    group.SendRecv(stream, Flat(out), rank + 1, Flat(in), rank - 1);
  }
  stream.Synchronize();
  if (rank == 0) return;
  EXPECT_TRUE(SameBits(in, Integers<T>(rank - 1, count)));
}

// Everybody passes its values on to the next rank, on two streams so that the
// receives need not wait for the sends.
template <typename T>
void CheckSendRecv(Communicator& group, Stream& stream, Stream& other,
                   int64_t count) {
  const int n = group.size();
  if (n == 1) return;
  std::vector<T> out = Integers<T>(group.rank(), count);
  std::vector<T> in(count);
  // Calls on one group come in one order everywhere.
  for (int from = 0; from < n; ++from) {
    const int to = (from + 1) % n;
    if (group.rank() == from) group.Send(stream, Flat(out), to);
    if (group.rank() == to) group.Recv(other, Flat(in), from);
  }
  stream.Synchronize();
  other.Synchronize();
  const std::vector<T> expected =
      Integers<T>((group.rank() + n - 1) % n, count);
  for (int64_t i = 0; i < count; ++i) {
    ASSERT_EQ(static_cast<float>(in[i]), static_cast<float>(expected[i]));
  }
}

// Random floats: near the float64 sum, and the same bits on all ranks.
template <typename T>
void CheckSameBits(Communicator& group, Stream& stream, int64_t count) {
  const int n = group.size();
  const auto value = [&](int rank, int64_t i) {
    return T(static_cast<float>(Rng(7, rank).Normal(i)));
  };
  std::vector<T> x(count);
  for (int64_t i = 0; i < count; ++i) x[i] = value(group.rank(), i);
  group.AllReduceSum(stream, Flat(x));
  stream.Synchronize();
  // Each of the n - 1 additions rounds a sum of at most `size` once.
  const double step = n * (sizeof(T) == 4 ? 0x1p-24 : 0x1p-8) * 1.01;
  for (int64_t i = 0; i < count; ++i) {
    double sum = 0, size = 0;
    for (int rank = 0; rank < n; ++rank) {
      sum += static_cast<float>(value(rank, i));
      size += std::abs(static_cast<float>(value(rank, i)));
    }
    ASSERT_NEAR(static_cast<float>(x[i]), sum, step * size) << i;
  }
  const std::string bits(reinterpret_cast<const char*>(x.data()),
                         count * sizeof(T));
  for (const std::string& other : group.AllGatherStrings(bits)) {
    ASSERT_TRUE(other == bits);
  }
}

inline void CheckControl(Communicator& group) {
  const int n = group.size();
  const int rank = group.rank();
  const Traffic before = group.traffic();
  const std::vector<std::string> all =
      group.AllGatherStrings(std::string(rank * 1000, 'a' + rank));
  ASSERT_EQ(static_cast<int>(all.size()), n);
  for (int i = 0; i < n; ++i) EXPECT_EQ(all[i], std::string(i * 1000, 'a' + i));

  double sums[] = {1.0 * rank, 0.5};
  group.AllReduceSumHost(absl::MakeSpan(sums));
  EXPECT_EQ(sums[0], n * (n - 1) / 2);
  EXPECT_EQ(sums[1], n * 0.5);
  // Not a sum of doubles: the lowest bit is there.
  int64_t counts[] = {(int64_t{1} << 55) + rank};
  group.AllReduceSumHost(absl::MakeSpan(counts));
  EXPECT_EQ(counts[0], n * (int64_t{1} << 55) + n * (n - 1) / 2);
  double largest[] = {-1.0 * rank, 10.0 + rank, rank == n - 1 ? NAN : 1.0};
  group.AllReduceMaxHost(absl::MakeSpan(largest));
  EXPECT_EQ(largest[0], 0);
  EXPECT_EQ(largest[1], 9 + n);
  EXPECT_TRUE(std::isnan(largest[2]));

  EXPECT_EQ(group.BroadcastString(absl::StrCat("from ", rank), n - 1),
            absl::StrCat("from ", n - 1));
  group.Barrier();
  const Traffic after = group.traffic();
  EXPECT_EQ(after.data_bytes, before.data_bytes);
  EXPECT_EQ(after.control_bytes > before.control_bytes, n > 1);
}

template <typename T>
void CheckCollectives(Communicator& group, Stream& stream, Stream& other) {
  for (const int64_t count : InterestingCounts(group.size())) {
    SCOPED_TRACE(absl::StrCat("rank ", group.rank(), " of ", group.size(), ", ",
                              count, " of ", Name(DTypeOf<T>())));
    CheckAllReduce<T>(group, stream, count);
    CheckReduceScatter<T>(group, stream, count);
    CheckAllGather<T>(group, stream, count);
    CheckBroadcast<T>(group, stream, count);
    CheckSendRecv<T>(group, stream, other, count);
    CheckUnevenParts<T>(group, stream, count, SumOrder::kRing);
    if ((group.size() & (group.size() - 1)) == 0) {
      CheckUnevenParts<T>(group, stream, count, SumOrder::kPairwise);
    }
    CheckAllReduceMax(group, stream, count);
    CheckExchange<T>(group, stream, count, 1);
    CheckExchange<T>(group, stream, count, group.size() / 2);
    CheckLine<T>(group, stream, count);
  }
  CheckSameBits<T>(group, stream, 1001);
}

// Sums under way at once on two groups and two streams, waited for at the end.
inline void CheckManyInFlight(Communicator& first, Communicator& second,
                              Stream& stream, Stream& other) {
  constexpr int kRounds = 40;
  const int n = first.size();
  const SumOrder order =
      (n & (n - 1)) == 0 ? SumOrder::kPairwise : SumOrder::kRing;
  std::vector<std::vector<float>> data;
  for (int i = 0; i < kRounds; ++i) {
    data.push_back(Integers<float>(first.rank(), 100 + 37 * i));
  }
  for (int i = 0; i < kRounds; ++i) {
    Communicator& group = i % 3 == 0 ? second : first;
    group.AllReduceSum(i % 2 == 0 ? stream : other, Flat(data[i]),
                       i % 4 < 2 ? SumOrder::kRing : order);
    if (i % 10 == 5) first.Barrier();  // control in the middle of it all
  }
  stream.Synchronize();
  other.Synchronize();
  for (int i = 0; i < kRounds; ++i) {
    for (size_t k = 0; k < data[i].size(); ++k) {
      ASSERT_EQ(data[i][k], IntegerSum<float>(first.size(), k)) << i;
    }
  }
}

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_PARALLEL_COLLECTIVE_CHECKS_H_
