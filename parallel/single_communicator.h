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

  Traffic traffic() const override { return {}; }
  std::vector<std::string> AllGatherStrings(absl::string_view mine) override {
    return {std::string(mine)};
  }

 private:
  absl::StatusOr<std::unique_ptr<Communicator>> DoSplit(
      absl::Span<const int> members, absl::string_view, Carries) override {
    COG_CHECK(members.size() == 1 && members[0] == 0);
    return std::make_unique<SingleCommunicator>();
  }
  void DoAllReduce(Stream&, const TensorView&, Reduction, SumOrder) override {}
  void DoReduceScatter(Stream&, const TensorView&, absl::Span<const int64_t>,
                       SumOrder) override {}
  void DoAllGather(Stream&, const TensorView&,
                   absl::Span<const int64_t>) override {}
  void DoBroadcast(Stream&, const TensorView&, int) override {}
  // There is no other rank: both tensors are empty.
  void DoSendRecv(Stream&, const Transfer&, const Transfer&) override {}
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_SINGLE_COMMUNICATOR_H_
