// Planning: a rank with imagined peers counts what a real rank sends.

#include "parallel/meta_transport.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "parallel/host_communicator.h"
#include "runtime/buffer.h"
#include "runtime/check.h"
#include "runtime/meta/meta_device.h"
#include "tests/parallel/collective_checks.h"
#include "tests/testing/rank_threads.h"

namespace cogdist::testing {
namespace {

// Traffic after each of many operations, and the scratch memory of the stream.
struct Account {
  std::vector<int64_t> sent;
  int64_t workspace_bytes = 0;
  int64_t control_bytes = 0;

  friend bool operator==(const Account&, const Account&) = default;
};

class Bookkeeper {
 public:
  Bookkeeper(Communicator& group, Device& device)
      : group_(group), stream_(device.CreateStream()) {
    absl::StatusOr<Buffer> memory = Buffer::Allocate(device, 8 * kCount);
    COG_CHECK_OK(memory.status());
    buffer_ = *std::move(memory);
    x_ = buffer_.View(DType::kFloat32).Slice(0, 0, kCount);
    y_ = buffer_.View(DType::kFloat32).Slice(0, kCount, kCount);
    FillZero(*stream_, buffer_.View(DType::kFloat32));
  }

  Account Run() {
    const int n = group_.size();
    Moves();
    account_.workspace_bytes = stream_->workspace_bytes();
    EXPECT_EQ(account_.workspace_bytes, 0);  // moving takes none
    Sums(SumOrder::kRing);
    if ((n & (n - 1)) == 0) Sums(SumOrder::kPairwise);
    account_.workspace_bytes = stream_->workspace_bytes();
    int64_t counts[] = {1};
    group_.AllReduceSumHost(absl::MakeSpan(counts));
    EXPECT_EQ(counts[0], n);
    account_.control_bytes = group_.traffic().control_bytes;
    return account_;
  }

 private:
  static constexpr int64_t kCount = 1003;

  void Moves() {
    const int n = group_.size(), rank = group_.rank();
    group_.AllGather(*stream_, x_);
    Note();
    group_.AllGather(*stream_, x_, UnevenBorders(kCount, n));
    Note();
    group_.Broadcast(*stream_, x_, n - 1);
    Note();
    group_.SendRecv(*stream_, x_.Slice(0, 0, 100 + rank), (rank + 1) % n,
                    y_.Slice(0, 0, 100 + (rank + n - 1) % n),
                    (rank + n - 1) % n);
    Note();
    if (rank == 0) group_.Send(*stream_, x_, n - 1);
    if (rank == n - 1) group_.Recv(*stream_, y_, 0);
    Note();
  }

  void Sums(SumOrder order) {
    group_.AllReduceSum(*stream_, x_, order);
    Note();
    group_.ReduceScatterSum(*stream_, x_, order);
    Note();
    group_.ReduceScatterSum(*stream_, x_, UnevenBorders(kCount, group_.size()),
                            order);
    Note();
    group_.AllReduceMax(*stream_, x_);
    Note();
  }

  void Note() {
    stream_->Synchronize();
    account_.sent.push_back(group_.traffic().data_bytes);
  }

  Communicator& group_;
  Buffer buffer_;
  std::unique_ptr<Stream> stream_;
  TensorView x_, y_;
  Account account_;
};

TEST(MetaTransportTest, CountsWhatRealRanksSend) {
  for (const int size : {2, 3, 4, 5, 8}) {
    std::vector<Account> real(size);
    RunRanks(size, [&](TestRank& self) {
      real[self.rank] = Bookkeeper(*self.world, self.device).Run();
    });
    for (int rank = 0; rank < size; ++rank) {
      MetaDevice device;
      HostCommunicator world(std::make_unique<MetaTransport>(rank, size),
                             device);
      const Account planned = Bookkeeper(world, device).Run();
      EXPECT_EQ(planned.sent, real[rank].sent) << rank << " of " << size;
      EXPECT_TRUE(planned == real[rank]) << rank << " of " << size;
    }
  }
}

TEST(MetaTransportTest, SplitsAlone) {
  MetaDevice device;
  HostCommunicator world(std::make_unique<MetaTransport>(5, 8), device);
  const auto group = world.Split({7, 5, 3});
  ASSERT_TRUE(group.ok());
  EXPECT_EQ((*group)->size(), 3);
  EXPECT_EQ((*group)->rank(), 1);
  const auto alone = (*group)->Split({1});
  ASSERT_TRUE(alone.ok());
  EXPECT_EQ((*alone)->size(), 1);
}

TEST(MetaTransportTest, PeersSayWhatThisRankSays) {
  for (const int size : {2, 3, 7, 8}) {
    MetaDevice device;
    HostCommunicator world(std::make_unique<MetaTransport>(1, size), device);
    EXPECT_EQ(world.AllGatherStrings("mine"),
              std::vector<std::string>(size, "mine"));
    EXPECT_EQ(world.BroadcastString("mine", 1), "mine");
    double sum[] = {0.5};
    world.AllReduceSumHost(absl::MakeSpan(sum));
    EXPECT_EQ(sum[0], 0.5 * size);
    world.Barrier();
  }
}

TEST(MetaTransportDeathTest, OwnBugs) {
  MetaTransport transport(0, 2);
  int64_t value = 0;
  EXPECT_DEATH(transport.Receive({1, 0}, &value, sizeof(value)),
               "receives what it did not send");
  EXPECT_DEATH(MetaTransport(2, 2), "rank 2 of 2");
}

}  // namespace
}  // namespace cogdist::testing
