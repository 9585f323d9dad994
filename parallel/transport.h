// The point-to-point seam under the host collectives: messages of bytes between
// the ranks of one group, started without waiting and completed by Test().
// Used by the rank's thread only.

#ifndef COGDIST_PARALLEL_TRANSPORT_H_
#define COGDIST_PARALLEL_TRANSPORT_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace cogdist {

class Transport {
 public:
  // A message under way. Released by the Test() that returns true.
  using Request = int;
  // Every tag is in [0, kNumTags), which every MPI library can carry.
  static constexpr int kNumTags = 1 << 15;

  // Where a message goes to or comes from.
  struct Address {
    int peer = 0;  // rank in this group
    int tag = 0;
  };

  virtual ~Transport() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  // Messages between two ranks with equal tags arrive in the order sent, and
  // match receives in the order posted; sizes must agree. The memory belongs to
  // the transport until Test() returns true: a send may wait for its receive.
  virtual Request Send(Address to, const void* data, int64_t bytes) = 0;
  virtual Request Receive(Address from, void* data, int64_t bytes) = 0;
  // Never blocks. True once the message has been sent or has arrived; the
  // request is then gone.
  virtual bool Test(Request request) = 0;

  // A group of `members`, given as ranks of this group in their new order; its
  // messages never meet this group's. Called by all members and by no one else,
  // with the same list. REQUIRES: this rank is a member.
  virtual absl::StatusOr<std::unique_ptr<Transport>> Split(
      absl::Span<const int> members) = 0;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_TRANSPORT_H_
