#include "parallel/ring_communicator.h"

#include <algorithm>
#include <utility>

#include "parallel/control.h"
#include "parallel/ring_task.h"
#include "parallel/single_communicator.h"
#include "runtime/check.h"
#include "runtime/cpu/cpu_stream.h"
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

bool IsSummable(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kBFloat16;
}

}  // namespace

RingCommunicator::RingCommunicator(std::unique_ptr<Transport> transport,
                                   Device& device, const RingOptions& options)
    : transport_(std::move(transport)),
      device_(device),
      options_(options),
      sends_(transport_->size()),
      receives_(transport_->size()) {
  COG_CHECK_GT(options_.chunk_bytes, 0);
  COG_CHECK_GT(options_.turn_bytes, 0);
}

void RingCommunicator::AllReduceSum(Stream& stream, const TensorView& x) {
  COG_CHECK(IsSummable(x.dtype), "cannot sum ", x.ToString());
  Enqueue(stream, x, CollectiveTag(collectives_++),
          RingSchedule::AllReduce(GroupFor(x), x.num_elements()));
}

void RingCommunicator::ReduceScatterSum(Stream& stream, const TensorView& x) {
  COG_CHECK(IsSummable(x.dtype), "cannot sum ", x.ToString());
  Enqueue(stream, x, CollectiveTag(collectives_++),
          RingSchedule::ReduceScatter(GroupFor(x), x.num_elements()));
}

void RingCommunicator::AllGather(Stream& stream, const TensorView& x) {
  Enqueue(stream, x, CollectiveTag(collectives_++),
          RingSchedule::AllGather(GroupFor(x), x.num_elements()));
}

void RingCommunicator::Broadcast(Stream& stream, const TensorView& x,
                                 int root) {
  COG_CHECK(root >= 0 && root < size(), "no rank ", root);
  Enqueue(stream, x, CollectiveTag(collectives_++),
          RingSchedule::Broadcast(GroupFor(x), x.num_elements(), root));
}

void RingCommunicator::Send(Stream& stream, const TensorView& x, int to) {
  COG_CHECK(to >= 0 && to < size() && to != rank(), "no other rank ", to);
  Enqueue(stream, x, MessageTag(sends_[to]++),
          RingSchedule::Send(GroupFor(x), x.num_elements(), to));
}

void RingCommunicator::Recv(Stream& stream, const TensorView& x, int from) {
  COG_CHECK(from >= 0 && from < size() && from != rank(), "no other rank ",
            from);
  Enqueue(stream, x, MessageTag(receives_[from]++),
          RingSchedule::Receive(GroupFor(x), x.num_elements(), from));
}

absl::StatusOr<std::unique_ptr<Communicator>> RingCommunicator::Split(
    absl::Span<const int> members) {
  COG_CHECK(std::find(members.begin(), members.end(), rank()) != members.end());
  if (members.size() == 1) return std::make_unique<SingleCommunicator>();
  COG_ASSIGN_OR_RETURN(std::unique_ptr<Transport> transport,
                       transport_->Split(members));
  return std::make_unique<RingCommunicator>(std::move(transport), device_,
                                            options_);
}

std::vector<std::string> RingCommunicator::AllGatherStrings(
    absl::string_view mine) {
  return ControlAllGather({.transport = *transport_,
                           .device = device_,
                           .tag = kControlTag,
                           .bytes_sent = traffic_.control_bytes},
                          mine);
}

int64_t RingCommunicator::WorkspaceBytes(const RingOptions& options) {
  constexpr int64_t kLargestElement = sizeof(double);
  return RingTask::kWindow * std::max(options.chunk_bytes, kLargestElement);
}

RingSchedule::Group RingCommunicator::GroupFor(const TensorView& x) const {
  return {
      .rank = rank(),
      .size = size(),
      .chunk = std::max<int64_t>(options_.chunk_bytes / SizeOf(x.dtype), 1)};
}

void RingCommunicator::Enqueue(Stream& stream, const TensorView& x, int tag,
                               const RingSchedule& schedule) {
  COG_CHECK(x.IsContiguous());
  if (schedule.num_items() == 0) return;
  // One task of a stream is under way at a time, and no kernel beside it, so
  // the stream's workspace is this task's alone.
  const int64_t chunk_bytes = GroupFor(x).chunk * SizeOf(x.dtype);
  void* const scratch = stream.Workspace(WorkspaceBytes(options_));
  if (stream.device_type() == DeviceType::kMeta) {
    traffic_.data_bytes += schedule.SentElements() * SizeOf(x.dtype);
    return;
  }
  AsCpuStream(stream).Enqueue(std::make_unique<RingTask>(
      RingTask::Args{.schedule = schedule,
                     .transport = transport_.get(),
                     .tag = tag,
                     .x = x,
                     .scratch = static_cast<char*>(scratch),
                     .chunk_bytes = chunk_bytes,
                     .turn_bytes = options_.turn_bytes,
                     .bytes_sent = &traffic_.data_bytes}));
}

}  // namespace cogdist
