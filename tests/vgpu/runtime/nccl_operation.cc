#include "tests/vgpu/runtime/nccl_operation.h"

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "tests/vgpu/runtime/footprint.h"
#include "tests/vgpu/runtime/machine.h"

namespace cogdist::vgpu {
namespace {

// What one call reads and, after all ranks have met, writes.
struct Extents {
  const void* send;
  int64_t send_bytes;
  void* receive;
  int64_t receive_bytes;
};

Extents ExtentsOf(const NcclCall& made) {
  const CollectiveCall& call = made.call;
  const int rank = made.comm->rank, size = made.comm->clique->size();
  return {call.send, call.SendBytes(rank, size), call.receive,
          call.ReceiveBytes(rank, size)};
}

// Buffers lie on the communicator's device; they may be the same where NCCL
// says so, and must not overlap else.
bool CheckBuffers(const NcclCall& made, const Extents& extents) {
  const CollectiveCall& call = made.call;
  Machine& machine = Machine::Current();
  if (!machine.CheckDevicePointer(made.name, "sendbuff", call.send,
                                  extents.send_bytes, made.comm->device) ||
      !machine.CheckDevicePointer(made.name, "recvbuff", call.receive,
                                  extents.receive_bytes, made.comm->device)) {
    return false;
  }
  const char* const from = static_cast<const char*>(call.send);
  const char* const to = static_cast<const char*>(call.receive);
  if (from + extents.send_bytes <= to || to + extents.receive_bytes <= from) {
    return true;
  }
  const int64_t offset = made.comm->rank * call.Bytes();
  const bool in_place =
      call.kind == CollectiveKind::kAllGather       ? from == to + offset
      : call.kind == CollectiveKind::kReduceScatter ? to == from + offset
                                                    : from == to;
  if (!in_place) Misuse(made, "its buffers overlap, but not in place");
  return in_place;
}

// A rank's part in one operation of its communicator.
struct Operation {
  const char* name;
  Clique* clique;
  int rank;
  int64_t turn;
  int64_t place;  // in the device's order
  std::vector<Extents> extents;
};

// On the stream's thread.
void CarryOut(const Operation& operation, Stream& stream) {
  operation.clique->AwaitTurn(operation.rank, operation.turn);
  LaunchOrder& order = stream.machine().launch_order(stream.device());
  order.Begin(operation.place);
  stream.LeaveQueue();
  Baton& baton = stream.machine().baton(stream.device());
  std::unique_lock lock(baton);
  Footprint footprint(stream, operation.name);
  for (const Extents& each : operation.extents) {
    footprint.Read(each.send, each.send_bytes);
  }
  lock.unlock();
  operation.clique->Meet(operation.rank);
  lock.lock();
  for (const Extents& each : operation.extents) {
    footprint.Write(each.receive, each.receive_bytes);
  }
  lock.unlock();
  order.End(operation.place);
}

// Calls of one communicator, made while a graph was recorded or not.
cudaError_t Issue(const std::vector<NcclCall>& calls, bool in_graph,
                  Work* work) {
  const NcclCall& first = calls[0];
  Clique* const clique = first.comm->clique;
  Operation operation = {
      .name = first.name, .clique = clique, .rank = first.comm->rank};
  std::vector<CollectiveCall> collectives;
  for (const NcclCall& made : calls) {
    operation.extents.push_back(ExtentsOf(made));
    if (!CheckBuffers(made, operation.extents.back())) {
      return cudaErrorIllegalAddress;
    }
    collectives.push_back(made.call);
  }
  const std::string stream = first.stream->ToString();
  operation.turn = clique->Issue(operation.rank, collectives, stream);
  operation.place = Machine::Current()
                        .launch_order(first.comm->device)
                        .Issue(absl::StrCat(first.name, " of communicator ",
                                            clique->number(), ", on ", stream),
                               in_graph);
  *work = [operation](Stream& on) { CarryOut(operation, on); };
  return cudaSuccess;
}

// The streams of the calls but the first one's.
std::vector<Stream*> FurtherStreams(const std::vector<NcclCall>& calls) {
  std::vector<Stream*> streams = {calls[0].stream};
  for (const NcclCall& made : calls) {
    if (std::find(streams.begin(), streams.end(), made.stream) ==
        streams.end()) {
      streams.push_back(made.stream);
    }
  }
  streams.erase(streams.begin());
  return streams;
}

// Calls of one communicator.
ncclResult_t SubmitOperation(const std::vector<NcclCall>& calls) {
  Stream& stream = *calls[0].stream;
  const std::vector<Stream*> further = FurtherStreams(calls);
  for (Stream* const other : further) {
    if (other->capture() != stream.capture()) {
      Misuse(calls[0], "the streams of its group are not in one capture");
      return ncclInvalidUsage;
    }
  }
  for (Stream* const other : further) stream.Follow(*other);
  const bool in_graph = stream.capture() != nullptr;
  const auto issue = [calls, in_graph, held = calls[0].comm->in_graphs](
                         Work* work) { return Issue(calls, in_graph, work); };
  const cudaError_t error = stream.Submit(calls[0].name, issue);
  if (error != cudaSuccess) return ncclInvalidArgument;
  for (Stream* const other : further) other->Follow(stream);
  return ncclSuccess;
}

}  // namespace

ncclResult_t Misuse(const NcclCall& made, const std::string& text) {
  Machine::Current().Report(
      absl::StrCat(made.name, " by rank ", made.comm->rank, ": ", text));
  return ncclInvalidArgument;
}

ncclResult_t SubmitGroup(const std::vector<NcclCall>& calls) {
  std::vector<std::vector<NcclCall>> operations;  // in order of first calls
  for (const NcclCall& made : calls) {
    const auto found = std::find_if(
        operations.begin(), operations.end(),
        [&](const auto& others) { return others[0].comm == made.comm; });
    if (found == operations.end()) {
      operations.push_back({made});
    } else {
      found->push_back(made);
    }
  }
  for (const std::vector<NcclCall>& operation : operations) {
    const ncclResult_t result = SubmitOperation(operation);
    if (result != ncclSuccess) return result;
  }
  return ncclSuccess;
}

}  // namespace cogdist::vgpu
