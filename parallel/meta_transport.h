// The transport of a rank whose peers are only imagined, for planning: on a
// meta device, which moves no tensors, a communicator over it counts the bytes
// that a real one sends, for any rank of any world, in one process.

#ifndef COGDIST_PARALLEL_META_TRANSPORT_H_
#define COGDIST_PARALLEL_META_TRANSPORT_H_

#include <deque>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "parallel/transport.h"

namespace cogdist {

// All ranks are taken to do as this one does: what arrives from any peer is
// what this rank itself has sent under that tag. So every rank's string in a
// control operation is this rank's own, and a sum is `size` times its own
// value; broadcast from another rank comes the empty string that this rank
// gives. REQUIRES: every receive follows its like send, as in control
// operations; streams are the meta device's.
class MetaTransport : public Transport {
 public:
  MetaTransport(int rank, int size);

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  Request Send(Address to, const void* data, int64_t bytes) override;
  Request Receive(Address from, void* data, int64_t bytes) override;
  bool Test(Request) override { return true; }
  // Without communication.
  absl::StatusOr<std::unique_ptr<Transport>> Split(
      absl::Span<const int> members) override;

 private:
  const int rank_;
  const int size_;
  // Sent and not yet received, by tag.
  absl::flat_hash_map<int, std::deque<std::string>> messages_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_META_TRANSPORT_H_
