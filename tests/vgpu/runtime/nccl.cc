// NCCL's interface.

#include "nccl.h"

#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/vgpu/runtime/clique.h"
#include "tests/vgpu/runtime/footprint.h"
#include "tests/vgpu/runtime/machine.h"
#include "tests/vgpu/runtime/stream.h"

using cogdist::vgpu::Baton;
using cogdist::vgpu::Clique;
using cogdist::vgpu::CollectiveCall;
using cogdist::vgpu::CollectiveKind;
using cogdist::vgpu::CurrentDevice;
using cogdist::vgpu::Footprint;
using cogdist::vgpu::Machine;
using cogdist::vgpu::SizeOf;
using cogdist::vgpu::Stream;
using cogdist::vgpu::Work;

struct ncclComm {
  Clique* clique = nullptr;
  int rank = 0;
  int device = 0;
  std::string failure;  // as told by ncclGetLastError()
};

namespace {

struct QueuedCall {
  const char* name = nullptr;
  ncclComm* comm = nullptr;
  Stream* stream = nullptr;
  CollectiveCall call;
};

// Calls between this thread's ncclGroupStart() and ncclGroupEnd().
struct Group {
  int depth = 0;
  std::vector<QueuedCall> calls;
};

Group& CurrentGroup() {
  thread_local Group group;
  return group;
}

ncclResult_t Enter(const char* name) {
  return static_cast<ncclResult_t>(Machine::Current().Enter(name));
}

ncclResult_t Misuse(const QueuedCall& queued, const std::string& text) {
  Machine::Current().Report(
      absl::StrCat(queued.name, " by rank ", queued.comm->rank, ": ", text));
  return ncclInvalidArgument;
}

// Buffers lie on the communicator's device; they may be the same where NCCL
// says so, and must not overlap else.
bool CheckBuffers(const QueuedCall& queued) {
  const CollectiveCall& call = queued.call;
  const int rank = queued.comm->rank, size = queued.comm->clique->size();
  Machine& machine = Machine::Current();
  const int64_t sent = call.SendBytes(rank, size);
  const int64_t received = call.ReceiveBytes(rank, size);
  if (!machine.CheckDevicePointer(queued.name, "sendbuff", call.send, sent,
                                  queued.comm->device) ||
      !machine.CheckDevicePointer(queued.name, "recvbuff", call.receive,
                                  received, queued.comm->device)) {
    return false;
  }
  const char* const from = static_cast<const char*>(call.send);
  const char* const to = static_cast<const char*>(call.receive);
  if (from + sent <= to || to + received <= from) return true;
  const int64_t offset = rank * call.Bytes();
  const bool in_place =
      call.kind == CollectiveKind::kAllGather       ? from == to + offset
      : call.kind == CollectiveKind::kReduceScatter ? to == from + offset
                                                    : from == to;
  if (!in_place) Misuse(queued, "its buffers overlap, but not in place");
  return in_place;
}

// What one call reads and, after all ranks have met, writes.
struct Extents {
  const void* send;
  int64_t send_bytes;
  void* receive;
  int64_t receive_bytes;
};

Extents ExtentsOf(const QueuedCall& queued) {
  const CollectiveCall& call = queued.call;
  const int rank = queued.comm->rank, size = queued.comm->clique->size();
  return {call.send, call.SendBytes(rank, size), call.receive,
          call.ReceiveBytes(rank, size)};
}

// A rank's part in some communicator.
struct Part {
  Clique* clique;
  int rank;
  std::vector<Clique::Posting> postings;
};

// On the stream's thread.
void MeetAll(Stream& stream, const char* name, const std::vector<Part>& parts,
             const std::vector<Extents>& extents) {
  Baton& baton = stream.machine().baton(stream.device());
  std::unique_lock lock(baton);
  Footprint footprint(stream, name);
  for (const Extents& each : extents) {
    footprint.Read(each.send, each.send_bytes);
  }
  lock.unlock();
  for (const Part& part : parts) part.clique->Meet(part.rank, part.postings);
  lock.lock();
  for (const Extents& each : extents) {
    footprint.Write(each.receive, each.receive_bytes);
  }
}

// Calls of one group and stream: as one operation of the stream.
cudaError_t SubmitTogether(const std::vector<QueuedCall>& calls) {
  return calls[0].stream->Submit(calls[0].name, [calls](Work* work) {
    std::map<ncclComm*, std::vector<Clique::Posting>> by_comm;
    std::vector<Extents> extents;
    for (const QueuedCall& queued : calls) {
      if (!CheckBuffers(queued)) return cudaErrorIllegalAddress;
      ncclComm* const comm = queued.comm;
      extents.push_back(ExtentsOf(queued));
      by_comm[comm].push_back(
          {queued.call, comm->clique->NumberOf(comm->rank, queued.call)});
    }
    std::vector<Part> parts;
    for (auto& [comm, postings] : by_comm) {
      parts.push_back({comm->clique, comm->rank, std::move(postings)});
    }
    const char* const name = calls[0].name;
    *work = [=](Stream& on) { MeetAll(on, name, parts, extents); };
    return cudaSuccess;
  });
}

ncclResult_t SubmitGroup() {
  Group group;
  std::swap(group, CurrentGroup());
  std::vector<Stream*> streams;
  std::map<Stream*, std::vector<QueuedCall>> by_stream;
  for (const QueuedCall& queued : group.calls) {
    if (by_stream.count(queued.stream) == 0) streams.push_back(queued.stream);
    by_stream[queued.stream].push_back(queued);
  }
  for (Stream* const stream : streams) {
    const cudaError_t error = SubmitTogether(by_stream[stream]);
    if (error != cudaSuccess) return ncclInvalidArgument;
  }
  return ncclSuccess;
}

ncclResult_t Check(const QueuedCall& queued) {
  const CollectiveCall& call = queued.call;
  const int size = queued.comm->clique->size();
  if (SizeOf(call.type) == 0) return Misuse(queued, "no such type");
  if (call.peer < 0 || call.peer >= size) {
    return Misuse(queued, absl::StrCat("no rank ", call.peer));
  }
  if (call.point_to_point() && call.peer == queued.comm->rank) {
    return Misuse(queued, "a message to itself");
  }
  if (queued.stream->device() != queued.comm->device) {
    return Misuse(queued, "the stream is another device's");
  }
  return ncclSuccess;
}

ncclResult_t Submit(const char* name, const CollectiveCall& call,
                    ncclComm_t comm, cudaStream_t handle) {
  const ncclResult_t planned = Enter(name);
  if (planned != ncclSuccess) return planned;
  if (comm == nullptr) return ncclInvalidArgument;
  if (comm->clique->failed()) return ncclRemoteError;
  Stream* const stream = Machine::Current().FindStream(name, handle);
  if (stream == nullptr) return ncclInvalidArgument;
  const QueuedCall queued = {name, comm, stream, call};
  const ncclResult_t checked = Check(queued);
  if (checked != ncclSuccess) return checked;
  CurrentGroup().calls.push_back(queued);
  return CurrentGroup().depth > 0 ? ncclSuccess : SubmitGroup();
}

}  // namespace

extern "C" {

const char* ncclGetErrorString(ncclResult_t result) {
  constexpr const char* kTexts[] = {
      "no error",         "unhandled CUDA error", "unhandled system error",
      "internal error",   "invalid argument",     "invalid usage",
      "remote rank lost", "in progress"};
  return result <= ncclInProgress ? kTexts[result] : "unknown result";
}

const char* ncclGetLastError(ncclComm_t comm) {
  if (comm == nullptr) return "";
  comm->failure = comm->clique->failure();
  return comm->failure.c_str();
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  const ncclResult_t planned = Enter("ncclGetUniqueId");
  if (planned != ncclSuccess) return planned;
  const int number = Machine::Current().NextCliqueNumber();
  std::memset(id, 0, sizeof(*id));
  std::memcpy(id->internal, &number, sizeof(number));
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int size, ncclUniqueId id,
                              int rank) {
  *comm = nullptr;
  const ncclResult_t planned = Enter("ncclCommInitRank");
  if (planned != ncclSuccess) return planned;
  if (rank < 0 || rank >= size) return ncclInvalidArgument;
  int number = 0;
  std::memcpy(&number, id.internal, sizeof(number));
  Clique* const clique = Machine::Current().FindClique(number, size);
  if (clique == nullptr) return ncclInvalidArgument;
  if (!clique->Join(rank, CurrentDevice())) return ncclInvalidUsage;
  *comm =
      new ncclComm{.clique = clique, .rank = rank, .device = CurrentDevice()};
  return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  const ncclResult_t planned = Enter("ncclCommDestroy");
  delete comm;
  return planned;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  const ncclResult_t planned = Enter("ncclCommAbort");
  comm->clique->Abort(comm->rank);
  delete comm;
  return planned;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* error) {
  const ncclResult_t planned = Enter("ncclCommGetAsyncError");
  *error = comm->clique->failed() ? ncclRemoteError : ncclSuccess;
  return planned;
}

ncclResult_t ncclAllReduce(const void* send, void* receive, size_t count,
                           ncclDataType_t type, ncclRedOp_t reduction,
                           ncclComm_t comm, cudaStream_t stream) {
  return Submit("ncclAllReduce",
                {.kind = CollectiveKind::kAllReduce,
                 .send = send,
                 .receive = receive,
                 .count = static_cast<int64_t>(count),
                 .type = type,
                 .reduction = reduction},
                comm, stream);
}

ncclResult_t ncclReduce(const void* send, void* receive, size_t count,
                        ncclDataType_t type, ncclRedOp_t reduction, int root,
                        ncclComm_t comm, cudaStream_t stream) {
  return Submit("ncclReduce",
                {.kind = CollectiveKind::kReduce,
                 .send = send,
                 .receive = receive,
                 .count = static_cast<int64_t>(count),
                 .type = type,
                 .reduction = reduction,
                 .peer = root},
                comm, stream);
}

ncclResult_t ncclBroadcast(const void* send, void* receive, size_t count,
                           ncclDataType_t type, int root, ncclComm_t comm,
                           cudaStream_t stream) {
  return Submit("ncclBroadcast",
                {.kind = CollectiveKind::kBroadcast,
                 .send = send,
                 .receive = receive,
                 .count = static_cast<int64_t>(count),
                 .type = type,
                 .peer = root},
                comm, stream);
}

ncclResult_t ncclReduceScatter(const void* send, void* receive, size_t count,
                               ncclDataType_t type, ncclRedOp_t reduction,
                               ncclComm_t comm, cudaStream_t stream) {
  return Submit("ncclReduceScatter",
                {.kind = CollectiveKind::kReduceScatter,
                 .send = send,
                 .receive = receive,
                 .count = static_cast<int64_t>(count),
                 .type = type,
                 .reduction = reduction},
                comm, stream);
}

ncclResult_t ncclAllGather(const void* send, void* receive, size_t count,
                           ncclDataType_t type, ncclComm_t comm,
                           cudaStream_t stream) {
  return Submit("ncclAllGather",
                {.kind = CollectiveKind::kAllGather,
                 .send = send,
                 .receive = receive,
                 .count = static_cast<int64_t>(count),
                 .type = type},
                comm, stream);
}

ncclResult_t ncclSend(const void* send, size_t count, ncclDataType_t type,
                      int peer, ncclComm_t comm, cudaStream_t stream) {
  return Submit("ncclSend",
                {.kind = CollectiveKind::kSend,
                 .send = send,
                 .count = static_cast<int64_t>(count),
                 .type = type,
                 .peer = peer},
                comm, stream);
}

ncclResult_t ncclRecv(void* receive, size_t count, ncclDataType_t type,
                      int peer, ncclComm_t comm, cudaStream_t stream) {
  return Submit("ncclRecv",
                {.kind = CollectiveKind::kReceive,
                 .receive = receive,
                 .count = static_cast<int64_t>(count),
                 .type = type,
                 .peer = peer},
                comm, stream);
}

ncclResult_t ncclGroupStart() {
  ++CurrentGroup().depth;
  return Enter("ncclGroupStart");
}

ncclResult_t ncclGroupEnd() {
  const ncclResult_t planned = Enter("ncclGroupEnd");
  if (planned != ncclSuccess) return planned;
  if (CurrentGroup().depth == 0) return ncclInvalidUsage;
  if (--CurrentGroup().depth > 0) return ncclSuccess;
  return SubmitGroup();
}

}  // extern "C"
