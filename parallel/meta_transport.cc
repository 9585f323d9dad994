#include "parallel/meta_transport.h"

#include <algorithm>
#include <cstring>

#include "runtime/check.h"

namespace cogdist {

MetaTransport::MetaTransport(int rank, int size) : rank_(rank), size_(size) {
  COG_CHECK(rank >= 0 && rank < size, "rank ", rank, " of ", size);
}

Transport::Request MetaTransport::Send(Address to, const void* data,
                                       int64_t bytes) {
  messages_[to.tag].emplace_back(static_cast<const char*>(data), bytes);
  return 0;
}

Transport::Request MetaTransport::Receive(Address from, void* data,
                                          int64_t bytes) {
  std::deque<std::string>& messages = messages_[from.tag];
  COG_CHECK(!messages.empty(), "a planning rank receives what it did not send");
  COG_CHECK_EQ(static_cast<int64_t>(messages.front().size()), bytes);
  if (bytes > 0) std::memcpy(data, messages.front().data(), bytes);
  messages.pop_front();
  return 0;
}

absl::StatusOr<std::unique_ptr<Transport>> MetaTransport::Split(
    absl::Span<const int> members) {
  const auto mine = std::find(members.begin(), members.end(), rank_);
  COG_CHECK(mine != members.end());
  return std::make_unique<MetaTransport>(mine - members.begin(),
                                         members.size());
}

}  // namespace cogdist
