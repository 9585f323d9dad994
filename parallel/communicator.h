// The communicator seam: collectives of a group of ranks, on tensors of a
// stream. Every call returns at once; the work takes its place in the stream's
// order, and events order it against other streams.
//
// All ranks of a group make the same collective calls on it in the same order,
// and put them on streams in the same order; the nth Send() from one rank to
// another meets the nth Recv(). Tensors are contiguous and belong to the
// operation until it is done. Used by the rank's thread only; a communicator
// outlives the work that it was given.

#ifndef COGDIST_PARALLEL_COMMUNICATOR_H_
#define COGDIST_PARALLEL_COMMUNICATOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parallel/ledger.h"
#include "parallel/reduction.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// Bytes that this rank has given to point-to-point sends.
struct Traffic {
  int64_t data_bytes = 0;     // tensors
  int64_t control_bytes = 0;  // host-side control operations
};

class Communicator {
 public:
  // What it is for. One for control alone refuses tensors, and takes neither
  // memory of a device nor the seconds in which a library connects its ranks.
  enum class Carries { kTensorsAndControl, kControl };

  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  // x = the sum over ranks, the same bits on every rank. float32 or bfloat16;
  // bfloat16 is added in float32 and rounded at each rank on its way. Pairwise
  // sums need a group of 2^k ranks.
  void AllReduceSum(Stream& stream, const TensorView& x,
                    SumOrder order = SumOrder::kRing);
  // x = the maximum over ranks, NaN where any rank has one. float32.
  void AllReduceMax(Stream& stream, const TensorView& x);
  // This rank's part of the flat tensor = the sum over ranks of that part. The
  // other parts are left with partial sums. Part i is EvenPart(x, size, i), or
  // [borders[i], borders[i + 1]): size + 1 ascending borders in x; parts may be
  // empty, and what lies outside all of them is left alone.
  void ReduceScatterSum(Stream& stream, const TensorView& x,
                        SumOrder order = SumOrder::kRing);
  void ReduceScatterSum(Stream& stream, const TensorView& x,
                        absl::Span<const int64_t> borders,
                        SumOrder order = SumOrder::kRing);
  // Every rank gives its part, in place, and gets all others'.
  void AllGather(Stream& stream, const TensorView& x);
  void AllGather(Stream& stream, const TensorView& x,
                 absl::Span<const int64_t> borders);
  void Broadcast(Stream& stream, const TensorView& x, int root);
  // To and from one rank; a tensor without elements is no message, and its peer
  // is not looked at. A send may hold up its stream until it is received: ranks
  // that send to each other use SendRecv(), or two streams.
  void Send(Stream& stream, const TensorView& x, int to);
  void Recv(Stream& stream, const TensorView& x, int from);
  // Both at once, as one operation; the tensors do not overlap, and may differ
  // in size and type. It meets the peers' Send(), Recv() or SendRecv().
  void SendRecv(Stream& stream, const TensorView& send, int to,
                const TensorView& recv, int from);

  // A communicator of `members`: ranks of this group, in their new order.
  // Called by all members and no one else, with the same list. Messages about
  // failures call it `name`; by default like this group.
  // REQUIRES: this rank is a member.
  absl::StatusOr<std::unique_ptr<Communicator>> Split(
      absl::Span<const int> members, absl::string_view name = "",
      Carries carries = Carries::kTensorsAndControl) {
    return DoSplit(members, name, carries);
  }
  // One of all ranks of this group, in their order, that carries tensors.
  absl::StatusOr<std::unique_ptr<Communicator>> Duplicate(
      absl::string_view name);

  virtual Carries carries() const { return Carries::kTensorsAndControl; }

  // Since the start, sub-groups apart.
  virtual Traffic traffic() const = 0;

  // Where the operations on tensors are noted; by default nowhere. A
  // communicator that carries them out in the place of this one takes the lanes
  // over.
  virtual GroupLanes lanes() const { return {}; }

  // When an operation of one communicator can be under way on this rank's
  // device beside one of another. Where it cannot, each waits for the end of
  // the one before, in the order of the calls.
  enum class Overlap { kAlways, kOutsideGraphs, kNever };
  virtual Overlap overlap() const { return Overlap::kAlways; }

  // The control operations below block the host, for small things outside the
  // step's hot path; this rank's streams go on meanwhile.

  // Every rank's string, by rank.
  virtual std::vector<std::string> AllGatherStrings(absl::string_view mine) = 0;

  // values[i] = the sum (in rank order, so the same bits everywhere; of
  // integers, which must not overflow, exact) or the maximum over ranks; a
  // maximum with a NaN is NaN.
  void AllReduceSumHost(absl::Span<double> values);
  void AllReduceSumHost(absl::Span<int64_t> values);
  void AllReduceMaxHost(absl::Span<double> values);
  // `text` of rank `root`; the others' is not looked at.
  std::string BroadcastString(absl::string_view text, int root);
  // Returns after every rank has called it. Does not wait for streams.
  void Barrier();

 protected:
  // One direction of a SendRecv: between `x` and the rank `peer`.
  struct Transfer {
    TensorView x;
    int peer = 0;
  };
  static Ledger::Entry EntryOf(Operation operation, const TensorView& x);
  static Ledger::Entry EntryOf(const LedgerGroup& group, const Transfer& send,
                               const Transfer& recv);

 private:
  virtual absl::StatusOr<std::unique_ptr<Communicator>> DoSplit(
      absl::Span<const int> members, absl::string_view name,
      Carries carries) = 0;
  // The collectives above, with their arguments checked.
  virtual void DoAllReduce(Stream& stream, const TensorView& x, Reduction op,
                           SumOrder order) = 0;
  virtual void DoReduceScatter(Stream& stream, const TensorView& x,
                               absl::Span<const int64_t> borders,
                               SumOrder order) = 0;
  virtual void DoAllGather(Stream& stream, const TensorView& x,
                           absl::Span<const int64_t> borders) = 0;
  virtual void DoBroadcast(Stream& stream, const TensorView& x, int root) = 0;
  virtual void DoSendRecv(Stream& stream, const Transfer& send,
                          const Transfer& recv) = 0;

  void CheckCarriesTensors() const;
  void CheckSum(const TensorView& x, SumOrder order) const;
  void CheckBorders(const TensorView& x,
                    absl::Span<const int64_t> borders) const;
  void CheckTransfer(const Transfer& transfer) const;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_COMMUNICATOR_H_
