// Ring collectives on host memory over a transport. On a meta device they move
// nothing, but count bytes and scratch memory as a real run would.

#ifndef COGDIST_PARALLEL_RING_COMMUNICATOR_H_
#define COGDIST_PARALLEL_RING_COMMUNICATOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "parallel/communicator.h"
#include "parallel/ring_schedule.h"
#include "parallel/transport.h"
#include "runtime/device.h"

namespace cogdist {

struct RingOptions {
  // Largest message. Small enough to stay in a core's cache from its arrival to
  // its addition.
  int64_t chunk_bytes = 256 << 10;
  // What a stream may receive in one turn between two kernels (about 3 ms'
  // worth). It is work that has to be done some time: a larger turn costs no
  // throughput, and a smaller one leaves more of the collective uncovered where
  // kernels are long and few.
  int64_t turn_bytes = 8 << 20;
};

class RingCommunicator : public Communicator {
 public:
  // `device` is what makes progress while a control operation waits; it
  // outlives the communicator.
  RingCommunicator(std::unique_ptr<Transport> transport, Device& device,
                   const RingOptions& options = {});

  // Workspace that a stream with collectives takes, for memory plans.
  static int64_t WorkspaceBytes(const RingOptions& options = {});

  int rank() const override { return transport_->rank(); }
  int size() const override { return transport_->size(); }
  void AllReduceSum(Stream& stream, const TensorView& x) override;
  void ReduceScatterSum(Stream& stream, const TensorView& x) override;
  void AllGather(Stream& stream, const TensorView& x) override;
  void Broadcast(Stream& stream, const TensorView& x, int root) override;
  void Send(Stream& stream, const TensorView& x, int to) override;
  void Recv(Stream& stream, const TensorView& x, int from) override;
  // A group of one gets a SingleCommunicator.
  absl::StatusOr<std::unique_ptr<Communicator>> Split(
      absl::Span<const int> members) override;
  Traffic traffic() const override { return traffic_; }
  std::vector<std::string> AllGatherStrings(absl::string_view mine) override;

 private:
  RingSchedule::Group GroupFor(const TensorView& x) const;
  void Enqueue(Stream& stream, const TensorView& x, int tag,
               const RingSchedule& schedule);

  std::unique_ptr<Transport> transport_;
  Device& device_;
  RingOptions options_;
  int64_t collectives_ = 0;        // started so far
  std::vector<int64_t> sends_;     // started so far, by peer
  std::vector<int64_t> receives_;  // likewise
  Traffic traffic_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_RING_COMMUNICATOR_H_
