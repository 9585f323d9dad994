// Collectives on GPUs' memory through NCCL. Small host-side values go on over
// the communicator of the hosts, which also introduces the ranks to each other.

#ifndef COGDIST_PARALLEL_CUDA_NCCL_COMMUNICATOR_H_
#define COGDIST_PARALLEL_CUDA_NCCL_COMMUNICATOR_H_

#include <nccl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "parallel/communicator.h"
#include "parallel/cuda/nccl_lanes.h"
#include "parallel/cuda/nccl_order.h"
#include "parallel/ledger.h"
#include "runtime/cuda/cuda_stream.h"

namespace cogdist {

// Sums are taken in NCCL's order, which depends on the machine's wiring but not
// on the run. Pairwise sums are there for two ranks only, where any order is
// pairwise. A maximum is one of integers (kernels/cuda/ordered_bits_launch.h):
// NCCL's of floats leaves NaN out.
//
// The operations are in the ledger of `host`'s group: see nccl_lanes.h.
class NcclCommunicator : public Communicator {
 public:
  // Collective over the ranks of `host`, each with a GPU of its own; a group of
  // one, or for control alone, needs no NCCL. The device outlives it. An error
  // of NCCL's on one rank ends it, since the others wait for it within NCCL.
  static absl::StatusOr<std::unique_ptr<Communicator>> Create(
      std::unique_ptr<Communicator> host, Device& device);
  // Waits for the other ranks: those of several groups destroy these in one
  // order, as they made them in one.
  ~NcclCommunicator() override;

  int rank() const override { return host_->rank(); }
  int size() const override { return host_->size(); }
  Carries carries() const override { return host_->carries(); }
  // Tensors count as a ring sends them, whatever way NCCL takes.
  Traffic traffic() const override;
  Overlap overlap() const override { return NcclOverlap(); }
  std::vector<std::string> AllGatherStrings(absl::string_view mine) override {
    return host_->AllGatherStrings(mine);
  }

 private:
  // A call for the part of `owner`.
  using PartCall = ncclResult_t(char* data, int64_t count, int owner);

  NcclCommunicator(std::unique_ptr<Communicator> host, Device& device)
      : host_(std::move(host)), device_(device) {}

  // Makes what tensors need. Collective.
  absl::Status Connect();
  // Makes `comm_`.
  void Init(const ncclUniqueId& id);
  // Connects this rank to the next one and to the one before.
  void Greet(Stream& stream, char* bytes);

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

  // Ends the rank, with NCCL's own words, unless `result` is success and
  // nothing has failed in the background.
  void Check(ncclResult_t result, const char* call);
  // What has failed in NCCL's threads, as told of `call`; empty: nothing. From
  // any thread.
  std::string FailureInBackground(const char* call) const;
  void CheckOrder(SumOrder order) const;
  // Puts `operation` on the stream, and notes it as `entry`.
  void Enqueue(Stream& stream, const Ledger::Entry& entry,
               absl::FunctionRef<void(cudaStream_t)> operation);
  // Calls of NCCL's function `name` for the parts that have elements, as one.
  void ForEachPart(const TensorView& x, absl::Span<const int64_t> borders,
                   const char* name, absl::FunctionRef<PartCall> call);
  void AllReduceMaxOn(cudaStream_t on, const TensorView& x);
  // Bytes that this rank sends when all get all parts from their owners, or
  // every owner the others' contributions to its part.
  int64_t RingBytes(const TensorView& x,
                    absl::Span<const int64_t> borders) const;

  std::unique_ptr<Communicator> host_;
  Device& device_;
  std::unique_ptr<NcclLanes> lanes_;  // null for control alone, as comm_
  ncclComm_t comm_ = nullptr;
  std::optional<FailureProbe> probe_;  // while there is comm_
  int64_t data_bytes_ = 0;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CUDA_NCCL_COMMUNICATOR_H_
