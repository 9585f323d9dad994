// Collectives on host memory over a transport. On a meta device they move
// nothing, but count bytes and scratch memory as a real run would.

#ifndef COGDIST_PARALLEL_HOST_COMMUNICATOR_H_
#define COGDIST_PARALLEL_HOST_COMMUNICATOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "parallel/collective_task.h"
#include "parallel/communicator.h"
#include "parallel/ledger.h"
#include "parallel/transport.h"
#include "runtime/device.h"

namespace cogdist {

struct MessageOptions {
  // Largest message. Small enough to stay in a core's cache from its arrival to
  // its addition.
  int64_t chunk_bytes = 256 << 10;
  // What a stream may receive in one turn between two kernels (about 3 ms'
  // worth). It is work that has to be done some time: a larger turn costs no
  // throughput, and a smaller one leaves more of the collective uncovered where
  // kernels are long and few.
  int64_t turn_bytes = 8 << 20;
};

class HostCommunicator : public Communicator {
 public:
  // `device` is what makes progress while a control operation waits; it
  // outlives the communicator. Operations are told to the group's ledger.
  HostCommunicator(std::unique_ptr<Transport> transport, Device& device,
                   const MessageOptions& options = {}, LedgerGroup group = {},
                   Carries carries = Carries::kTensorsAndControl);

  // Workspace that a stream takes for collectives that sum or compare; the
  // others take none.
  static int64_t WorkspaceBytes(const MessageOptions& options = {});

  int rank() const override { return transport_->rank(); }
  int size() const override { return transport_->size(); }
  Carries carries() const override { return carries_; }
  Traffic traffic() const override { return traffic_; }
  GroupLanes lanes() const override { return lanes_; }
  std::vector<std::string> AllGatherStrings(absl::string_view mine) override;

 private:
  // A group of one gets a SingleCommunicator.
  absl::StatusOr<std::unique_ptr<Communicator>> DoSplit(
      absl::Span<const int> members, absl::string_view name,
      Carries carries) override;
  void DoAllReduce(Stream& stream, const TensorView& x, Reduction op,
                   SumOrder order) override;
  void DoReduceScatter(Stream& stream, const TensorView& x,
                       absl::Span<const int64_t> borders,
                       SumOrder order) override;
  void DoAllGather(Stream& stream, const TensorView& x,
                   absl::Span<const int64_t> borders) override;
  void DoBroadcast(Stream& stream, const TensorView& x, int root) override;
  void DoSendRecv(Stream& stream, const Transfer& send,
                  const Transfer& recv) override;

  // Messages hold whole elements.
  CollectiveSchedule::Group GroupFor(int64_t element_bytes) const;
  // A collective of all ranks, in place.
  void EnqueueCollective(Stream& stream, Operation operation,
                         const TensorView& x,
                         const CollectiveSchedule& schedule);
  // Fills in what all tasks share.
  void Enqueue(Stream& stream, CollectiveTask::Args args);

  std::unique_ptr<Transport> transport_;
  Device& device_;
  MessageOptions options_;
  const Carries carries_;
  GroupLanes lanes_;
  Ledger::Lane control_lane_;
  int64_t collectives_ = 0;        // started so far
  std::vector<int64_t> sends_;     // started so far, by peer
  std::vector<int64_t> receives_;  // likewise
  Traffic traffic_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_HOST_COMMUNICATOR_H_
