#include "parallel/thread_transport.h"

#include <cstring>
#include <mutex>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "runtime/check.h"

namespace cogdist {
namespace {

// The nth message from one rank to another under one tag. Ranks are those of
// the world; a group is known by its number.
struct MessageKey {
  int group = 0;
  int from = 0;
  int to = 0;
  int tag = 0;
  int64_t number = 0;

  friend bool operator==(const MessageKey&, const MessageKey&) = default;
  template <typename H>
  friend H AbslHashValue(H hash, const MessageKey& key) {
    return H::combine(std::move(hash), key.group, key.from, key.to, key.tag,
                      key.number);
  }
};

struct Message {
  const void* data = nullptr;
  int64_t bytes = 0;
};

// One split of one group: parent, members, and how many there were before.
using GroupKey = std::tuple<int, std::vector<int>, int>;

}  // namespace

struct ThreadHub::Impl {
  std::mutex mutex;
  // Sent and not yet copied.
  absl::flat_hash_map<MessageKey, Message> messages;
  absl::flat_hash_map<GroupKey, int> groups;
};

class ThreadTransport : public Transport {
 public:
  ThreadTransport(ThreadHub& hub, int group, std::vector<int> members, int rank)
      : hub_(*hub.impl_),
        hub_owner_(hub),
        group_(group),
        members_(std::move(members)),
        rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return members_.size(); }

  Request Send(Address to, const void* data, int64_t bytes) override {
    const MessageKey key = {group_, members_[rank_], members_[to.peer], to.tag,
                            sends_[{to.peer, to.tag}]++};
    const std::lock_guard lock(hub_.mutex);
    hub_.messages[key] = {data, bytes};
    return NewRequest({.key = key});
  }

  Request Receive(Address from, void* data, int64_t bytes) override {
    const MessageKey key = {group_, members_[from.peer], members_[rank_],
                            from.tag, receives_[{from.peer, from.tag}]++};
    return NewRequest(
        {.key = key, .receives = true, .data = data, .bytes = bytes});
  }

  bool Test(Request request) override {
    const Pending& pending = pending_[request];
    if (!(pending.receives ? TryReceive(pending) : IsTaken(pending.key))) {
      return false;
    }
    free_.push_back(request);
    return true;
  }

  absl::StatusOr<std::unique_ptr<Transport>> Split(
      absl::Span<const int> members) override {
    std::vector<int> world_ranks;
    int rank = -1;
    for (const int member : members) {
      if (member == rank_) rank = world_ranks.size();
      world_ranks.push_back(members_[member]);
    }
    COG_CHECK_GE(rank, 0);
    const GroupKey key = {group_, world_ranks, splits_[world_ranks]++};
    const std::lock_guard lock(hub_.mutex);
    const int next = hub_.groups.size() + 1;
    const int group = hub_.groups.try_emplace(key, next).first->second;
    return std::make_unique<ThreadTransport>(hub_owner_, group,
                                             std::move(world_ranks), rank);
  }

 private:
  struct Pending {
    MessageKey key;
    bool receives = false;
    void* data = nullptr;
    int64_t bytes = 0;
  };

  Request NewRequest(const Pending& pending) {
    if (free_.empty()) {
      free_.push_back(pending_.size());
      pending_.emplace_back();
    }
    const Request request = free_.back();
    free_.pop_back();
    pending_[request] = pending;
    return request;
  }

  bool IsTaken(const MessageKey& key) {
    const std::lock_guard lock(hub_.mutex);
    return !hub_.messages.contains(key);
  }

  bool TryReceive(const Pending& pending) {
    Message message;
    {
      const std::lock_guard lock(hub_.mutex);
      const auto found = hub_.messages.find(pending.key);
      if (found == hub_.messages.end()) return false;
      message = found->second;
    }
    COG_CHECK_EQ(message.bytes, pending.bytes);
    if (message.bytes > 0) {
      std::memcpy(pending.data, message.data, message.bytes);
    }
    // Only now may the sender touch its memory again.
    const std::lock_guard lock(hub_.mutex);
    hub_.messages.erase(pending.key);
    return true;
  }

  ThreadHub::Impl& hub_;
  ThreadHub& hub_owner_;
  const int group_;
  const std::vector<int> members_;  // world rank by rank in this group
  const int rank_;
  // Messages so far, by peer and tag.
  absl::flat_hash_map<std::pair<int, int>, int64_t> sends_;
  absl::flat_hash_map<std::pair<int, int>, int64_t> receives_;
  absl::flat_hash_map<std::vector<int>, int> splits_;
  std::vector<Pending> pending_;  // by request
  std::vector<Request> free_;
};

ThreadHub::ThreadHub(int size) : size_(size), impl_(new Impl) {}

ThreadHub::~ThreadHub() = default;

std::unique_ptr<Transport> ThreadHub::Connect(int rank) {
  std::vector<int> members(size_);
  std::iota(members.begin(), members.end(), 0);
  return std::make_unique<ThreadTransport>(*this, 0, std::move(members), rank);
}

}  // namespace cogdist
