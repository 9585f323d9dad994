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
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  // x = the sum over ranks, the same bits on every rank. float32 or bfloat16;
  // bfloat16 is added in float32 and rounded at each rank on its way.
  virtual void AllReduceSum(Stream& stream, const TensorView& x) = 0;
  // EvenPart(x, size, rank) = the sum over ranks of that part. The other parts
  // are left with partial sums.
  virtual void ReduceScatterSum(Stream& stream, const TensorView& x) = 0;
  // Every rank gives EvenPart(x, size, rank), in place, and gets all of x.
  virtual void AllGather(Stream& stream, const TensorView& x) = 0;
  virtual void Broadcast(Stream& stream, const TensorView& x, int root) = 0;
  // To and from one rank. A send may hold up its stream until it is received:
  // ranks that send to each other at the same time do so on two streams.
  virtual void Send(Stream& stream, const TensorView& x, int to) = 0;
  virtual void Recv(Stream& stream, const TensorView& x, int from) = 0;

  // A communicator of `members`: ranks of this group, in their new order.
  // Called by all members and no one else, with the same list.
  // REQUIRES: this rank is a member.
  virtual absl::StatusOr<std::unique_ptr<Communicator>> Split(
      absl::Span<const int> members) = 0;

  // Since the start, sub-groups apart.
  virtual Traffic traffic() const = 0;

  // The control operations below block the host, for small things outside the
  // step's hot path; this rank's streams go on meanwhile.

  // Every rank's string, by rank.
  virtual std::vector<std::string> AllGatherStrings(absl::string_view mine) = 0;

  // values[i] = the sum (in rank order, so the same bits everywhere) or the
  // maximum over ranks; a maximum with a NaN is NaN.
  void AllReduceSumHost(absl::Span<double> values);
  void AllReduceMaxHost(absl::Span<double> values);
  // `text` of rank `root`; the others' is not looked at.
  std::string BroadcastString(absl::string_view text, int root);
  // Returns after every rank has called it. Does not wait for streams.
  void Barrier();
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_COMMUNICATOR_H_
