// The group of one rank: every collective is free, and done at once.

#ifndef COGDIST_PARALLEL_SINGLE_COMMUNICATOR_H_
#define COGDIST_PARALLEL_SINGLE_COMMUNICATOR_H_

#include "parallel/communicator.h"
#include "runtime/check.h"

namespace cogdist {

class SingleCommunicator : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }

  void AllReduceSum(Stream&, const TensorView&) override {}
  void ReduceScatterSum(Stream&, const TensorView&) override {}
  void AllGather(Stream&, const TensorView&) override {}
  void Broadcast(Stream&, const TensorView&, int root) override {
    COG_CHECK_EQ(root, 0);
  }
  // There is no other rank.
  void Send(Stream&, const TensorView&, int to) override {
    COG_CHECK(false, "rank 0 of 1 sends to rank ", to);
  }
  void Recv(Stream&, const TensorView&, int from) override {
    COG_CHECK(false, "rank 0 of 1 receives from rank ", from);
  }

  absl::StatusOr<std::unique_ptr<Communicator>> Split(
      absl::Span<const int> members) override {
    COG_CHECK(members.size() == 1 && members[0] == 0);
    return std::make_unique<SingleCommunicator>();
  }
  Traffic traffic() const override { return {}; }
  std::vector<std::string> AllGatherStrings(absl::string_view mine) override {
    return {std::string(mine)};
  }
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_SINGLE_COMMUNICATOR_H_
