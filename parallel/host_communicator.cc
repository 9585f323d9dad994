#include "parallel/host_communicator.h"

#include <algorithm>
#include <utility>

#include "parallel/control.h"
#include "parallel/partition.h"
#include "parallel/single_communicator.h"
#include "runtime/check.h"
#include "runtime/cpu/cpu_stream.h"
#include "runtime/meta/meta_device.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// Collectives take the lower half of the tags in turn, so that those of two
// streams never mix; messages from one rank to another the upper half, but for
// the last tag, which is for control.
constexpr int kControlTag = Transport::kNumTags - 1;
constexpr int kFirstMessageTag = Transport::kNumTags / 2;

int CollectiveTag(int64_t number) { return number % kFirstMessageTag; }

int MessageTag(int64_t number) {
  return kFirstMessageTag + number % (kControlTag - kFirstMessageTag);
}

std::vector<int64_t> InBytes(absl::Span<const int64_t> borders,
                             int64_t element_bytes) {
  std::vector<int64_t> scaled(borders.begin(), borders.end());
  for (int64_t& border : scaled) border *= element_bytes;
  return scaled;
}

}  // namespace

HostCommunicator::HostCommunicator(std::unique_ptr<Transport> transport,
                                   Device& device,
                                   const MessageOptions& options,
                                   LedgerGroup group, Carries carries)
    : transport_(std::move(transport)),
      device_(device),
      options_(options),
      carries_(carries),
      lanes_({.group = std::move(group)}),
      sends_(transport_->size()),
      receives_(transport_->size()) {
  COG_CHECK_GT(options_.chunk_bytes, 0);
  COG_CHECK_GT(options_.turn_bytes, 0);
  const auto& [ledger, name, members] = lanes_.group;
  if (ledger == nullptr) return;
  control_lane_ = ledger->AddLane(name + " control", members);
  if (carries_ == Carries::kControl) return;
  lanes_.collectives = ledger->AddLane(name, members);
  lanes_.sends = ledger->AddLane(name + " sends", members);
  lanes_.receives = ledger->AddLane(name + " receives", members);
}

void HostCommunicator::DoAllReduce(Stream& stream, const TensorView& x,
                                   Reduction op, SumOrder order) {
  const int64_t size_of = SizeOf(x.dtype);
  const std::vector<int64_t> borders = EvenBorders(x.num_elements(), size());
  EnqueueCollective(
      stream, Operation::kAllReduce, x,
      CollectiveSchedule::AllReduce(GroupFor(size_of),
                                    InBytes(borders, size_of), op, order));
}

void HostCommunicator::DoReduceScatter(Stream& stream, const TensorView& x,
                                       absl::Span<const int64_t> borders,
                                       SumOrder order) {
  const int64_t size_of = SizeOf(x.dtype);
  EnqueueCollective(stream, Operation::kReduceScatter, x,
                    CollectiveSchedule::ReduceScatter(GroupFor(size_of),
                                                      InBytes(borders, size_of),
                                                      Reduction::kSum, order));
}

void HostCommunicator::DoAllGather(Stream& stream, const TensorView& x,
                                   absl::Span<const int64_t> borders) {
  const int64_t size_of = SizeOf(x.dtype);
  EnqueueCollective(stream, Operation::kAllGather, x,
                    CollectiveSchedule::AllGather(GroupFor(size_of),
                                                  InBytes(borders, size_of)));
}

void HostCommunicator::DoBroadcast(Stream& stream, const TensorView& x,
                                   int root) {
  EnqueueCollective(stream, Operation::kBroadcast, x,
                    CollectiveSchedule::Broadcast(GroupFor(SizeOf(x.dtype)),
                                                  x.bytes(), root));
}

void HostCommunicator::DoSendRecv(Stream& stream, const Transfer& send,
                                  const Transfer& recv) {
  // A single byte is what both tensors, and those of the peers, are made of.
  CollectiveTask::Args args = {.schedule = CollectiveSchedule::SendRecv(
                                   GroupFor(1), {send.x.bytes(), send.peer},
                                   {recv.x.bytes(), recv.peer}),
                               .send_from = send.x.data,
                               .receive_into = recv.x.data};
  args.lane = recv.x.bytes() > 0 ? lanes_.receives : lanes_.sends;
  args.entry = EntryOf(lanes_.group, send, recv);
  if (send.x.bytes() > 0) args.send_tag = MessageTag(sends_[send.peer]++);
  if (recv.x.bytes() > 0) {
    args.receive_tag = MessageTag(receives_[recv.peer]++);
  }
  Enqueue(stream, args);
}

absl::StatusOr<std::unique_ptr<Communicator>> HostCommunicator::DoSplit(
    absl::Span<const int> members, absl::string_view name, Carries carries) {
  COG_CHECK(std::find(members.begin(), members.end(), rank()) != members.end());
  if (members.size() == 1) return std::make_unique<SingleCommunicator>();
  const LedgerGroup& mine = lanes_.group;
  LedgerGroup group = {.ledger = mine.ledger,
                       .name = name.empty() ? mine.name : std::string(name)};
  for (const int member : members) {
    group.members.push_back(mine.WorldRank(member));
  }
  // A transport may block while it makes a group: nobody could tell then who
  // has come. So the members meet before.
  Ledger::Lane lane;
  if (group.ledger != nullptr) {
    lane = group.ledger->AddLane(group.name + " creation", group.members);
  }
  ControlMeet({.transport = *transport_,
               .device = device_,
               .tag = kControlTag,
               .bytes_sent = traffic_.control_bytes,
               .lane = lane},
              members);
  COG_ASSIGN_OR_RETURN(std::unique_ptr<Transport> transport,
                       transport_->Split(members));
  return std::make_unique<HostCommunicator>(
      std::move(transport), device_, options_, std::move(group), carries);
}

std::vector<std::string> HostCommunicator::AllGatherStrings(
    absl::string_view mine) {
  return ControlAllGather({.transport = *transport_,
                           .device = device_,
                           .tag = kControlTag,
                           .bytes_sent = traffic_.control_bytes,
                           .lane = control_lane_},
                          mine);
}

int64_t HostCommunicator::WorkspaceBytes(const MessageOptions& options) {
  constexpr int64_t kLargestElement = sizeof(double);
  return CollectiveTask::kWindow *
         std::max(options.chunk_bytes, kLargestElement);
}

CollectiveSchedule::Group HostCommunicator::GroupFor(
    int64_t element_bytes) const {
  const int64_t elements =
      std::max<int64_t>(options_.chunk_bytes / element_bytes, 1);
  return {.rank = rank(), .size = size(), .chunk = elements * element_bytes};
}

void HostCommunicator::EnqueueCollective(Stream& stream, Operation operation,
                                         const TensorView& x,
                                         const CollectiveSchedule& schedule) {
  const int tag = CollectiveTag(collectives_++);
  Enqueue(stream, {.schedule = schedule,
                   .send_tag = tag,
                   .receive_tag = tag,
                   .send_from = x.data,
                   .receive_into = x.data,
                   .dtype = x.dtype,
                   .chunk_bytes = GroupFor(SizeOf(x.dtype)).chunk,
                   .lane = lanes_.collectives,
                   .entry = EntryOf(operation, x)});
}

void HostCommunicator::Enqueue(Stream& stream, CollectiveTask::Args args) {
  const CollectiveSchedule& schedule = args.schedule;
  if (schedule.num_sends() + schedule.num_receives() == 0) return;
  const bool is_planned = stream.device_type() == DeviceType::kMeta;
  // One task of a stream is under way at a time, and no kernel beside it, so
  // the stream's workspace is this task's alone. A GPU's library has its own.
  if (schedule.Reduces() && PlannedType(stream.device()) == DeviceType::kCpu) {
    args.scratch =
        static_cast<char*>(stream.Workspace(WorkspaceBytes(options_)));
  }
  if (is_planned) {
    traffic_.data_bytes += schedule.SentElements();
    return;
  }
  args.transport = transport_.get();
  args.turn_bytes = options_.turn_bytes;
  args.bytes_sent = &traffic_.data_bytes;
  AsCpuStream(stream).Enqueue(std::make_unique<CollectiveTask>(args));
}

}  // namespace cogdist
