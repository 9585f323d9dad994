// The operations of an NCCL communicator in the ledger (parallel/ledger.h): a
// stream marks in pinned memory when it comes to one and when it is past it.
//
// It costs an operation two writes of eight bytes by the GPU's front end, of
// the kind that recording an event is, and two calls of the rank's thread;
// nothing waits and no kernel runs. A function of the host within the stream
// (cudaLaunchHostFunc) would hold the stream up until a thread has run it, and
// events would have to be asked by the rank's thread, which may be blocked in a
// launch just when an operation hangs, or by another one, which may then wait
// for the driver's locks.

#ifndef COGDIST_PARALLEL_CUDA_NCCL_LANES_H_
#define COGDIST_PARALLEL_CUDA_NCCL_LANES_H_

#include <memory>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "parallel/ledger.h"
#include "parallel/stream_lane.h"
#include "runtime/cuda/cuda_stream.h"
#include "runtime/host_buffer.h"

namespace cogdist {

// Used by the rank's thread; outlives the operations.
class NcclLanes {
 public:
  // Takes `lanes` over; without a ledger nothing is noted.
  static absl::StatusOr<std::unique_ptr<NcclLanes>> Create(GroupLanes lanes,
                                                           Device& device);

  const LedgerGroup& group() const { return lanes_.group; }

  // `enqueue` puts an operation on `stream`. Of what is captured into a graph
  // nothing is noted, since launches would repeat the numbers: whoever launches
  // it notes the whole of it (launcher/step_graph.h).
  void OnStream(CudaStream& stream, const Ledger::Entry& entry,
                absl::FunctionRef<void()> enqueue);
  // `call` returns when all ranks have made it.
  void OnThread(absl::FunctionRef<void()> call);

 private:
  // Operations that follow each other.
  struct Kind {
    StreamLane::Marks* marks = nullptr;  // in marks_
    std::optional<StreamLane> lane;      // none without a ledger
  };

  NcclLanes(GroupLanes lanes, HostBuffer marks);
  Kind& KindOf(const Ledger::Entry& entry);

  const GroupLanes lanes_;
  HostBuffer marks_;
  Kind collectives_, sends_, receives_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CUDA_NCCL_LANES_H_
