#include "parallel/control.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "runtime/check.h"

namespace cogdist {
namespace {

void Finish(const ControlChannel& channel, Transport::Request request) {
  Ledger::Lane lane = channel.lane;
  while (!channel.transport.Test(request)) {
    channel.device.Progress();
    lane.Poll();
    std::this_thread::yield();
  }
}

// Sends `out` to one rank and returns what another one sends: the length first,
// since the receiver cannot know it.
std::string Exchange(const ControlChannel& channel, int to,
                     const std::string& out, int from) {
  Transport& transport = channel.transport;
  const int64_t out_bytes = out.size();
  int64_t in_bytes = 0;
  const Transport::Request sends[] = {
      transport.Send({to, channel.tag}, &out_bytes, sizeof(out_bytes)),
      transport.Send({to, channel.tag}, out.data(), out_bytes)};
  channel.bytes_sent += sizeof(out_bytes) + out_bytes;
  Finish(channel,
         transport.Receive({from, channel.tag}, &in_bytes, sizeof(in_bytes)));
  std::string in(in_bytes, '\0');
  Finish(channel, transport.Receive({from, channel.tag}, in.data(), in_bytes));
  for (const Transport::Request send : sends) Finish(channel, send);
  return in;
}

std::string Join(const std::vector<std::string>& blocks, int count) {
  std::string joined;
  for (int i = 0; i < count; ++i) {
    const int64_t bytes = blocks[i].size();
    joined.append(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
    joined.append(blocks[i]);
  }
  return joined;
}

void AppendBlocks(absl::string_view joined, std::vector<std::string>& blocks) {
  while (!joined.empty()) {
    int64_t bytes = 0;
    COG_CHECK_GE(joined.size(), sizeof(bytes));
    std::memcpy(&bytes, joined.data(), sizeof(bytes));
    joined.remove_prefix(sizeof(bytes));
    blocks.emplace_back(joined.substr(0, bytes));
    joined.remove_prefix(bytes);
  }
}

}  // namespace

std::vector<std::string> ControlAllGather(const ControlChannel& channel,
                                          absl::string_view mine) {
  const int rank = channel.transport.rank();
  const int size = channel.transport.size();
  Ledger::Lane lane = channel.lane;
  lane.Begin({.operation = Operation::kExchange});
  // blocks[i] is from rank + i, round the ring; their number doubles each time.
  std::vector<std::string> blocks = {std::string(mine)};
  for (int distance = 1; distance < size; distance *= 2) {
    const int count = std::min(distance, size - distance);
    const int to = (rank - distance + size) % size;
    const int from = (rank + distance) % size;
    AppendBlocks(Exchange(channel, to, Join(blocks, count), from), blocks);
  }
  COG_CHECK_EQ(static_cast<int>(blocks.size()), size);
  lane.End();
  std::rotate(blocks.begin(), blocks.end() - rank, blocks.end());
  return blocks;
}

void ControlMeet(const ControlChannel& channel, absl::Span<const int> members) {
  const int size = members.size();
  const int self =
      std::find(members.begin(), members.end(), channel.transport.rank()) -
      members.begin();
  COG_CHECK_LT(self, size);
  Ledger::Lane lane = channel.lane;
  lane.Begin({.operation = Operation::kBarrier});
  for (int distance = 1; distance < size; distance *= 2) {
    Exchange(channel, members[(self - distance + size) % size], "",
             members[(self + distance) % size]);
  }
  lane.End();
}

}  // namespace cogdist
