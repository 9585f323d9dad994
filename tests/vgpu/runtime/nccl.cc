// NCCL's interface.

#include "nccl.h"

#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/vgpu/runtime/clique.h"
#include "tests/vgpu/runtime/machine.h"
#include "tests/vgpu/runtime/nccl_operation.h"
#include "tests/vgpu/runtime/stream.h"

using cogdist::vgpu::Clique;
using cogdist::vgpu::CollectiveCall;
using cogdist::vgpu::CollectiveKind;
using cogdist::vgpu::CurrentDevice;
using cogdist::vgpu::Machine;
using cogdist::vgpu::Misuse;
using cogdist::vgpu::NcclCall;
using cogdist::vgpu::SizeOf;
using cogdist::vgpu::Stream;
using cogdist::vgpu::SubmitGroup;

namespace {

// Calls between this thread's ncclGroupStart() and ncclGroupEnd().
struct Group {
  int depth = 0;
  std::vector<NcclCall> calls;
};

Group& CurrentGroup() {
  thread_local Group group;
  return group;
}

ncclResult_t Enter(const char* name) {
  return static_cast<ncclResult_t>(Machine::Current().Enter(name));
}

ncclResult_t EndGroup() {
  Group group;
  std::swap(group, CurrentGroup());
  return SubmitGroup(group.calls);
}

ncclResult_t Check(const NcclCall& made) {
  const CollectiveCall& call = made.call;
  const int size = made.comm->clique->size();
  if (SizeOf(call.type) == 0) return Misuse(made, "no such type");
  if (call.peer < 0 || call.peer >= size) {
    return Misuse(made, absl::StrCat("no rank ", call.peer));
  }
  if (call.point_to_point() && call.peer == made.comm->rank) {
    return Misuse(made, "a message to itself");
  }
  if (made.stream->device() != made.comm->device) {
    return Misuse(made, "the stream is another device's");
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
  const NcclCall made = {name, comm, stream, call};
  const ncclResult_t checked = Check(made);
  if (checked != ncclSuccess) return checked;
  CurrentGroup().calls.push_back(made);
  return CurrentGroup().depth > 0 ? ncclSuccess : EndGroup();
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
  thread_local std::string failure;
  failure = comm->clique->failure();
  return failure.c_str();
}

ncclResult_t ncclGetVersion(int* version) {
  *version = Machine::Current().options().nccl_version;
  return Enter("ncclGetVersion");
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
  if (comm->in_graphs.use_count() > 1) {
    Machine::Current().Report(
        "ncclCommDestroy: a graph has operations of the communicator; NCCL "
        "waits until it is destroyed");
    return ncclInvalidUsage;
  }
  comm->clique->Depart(comm->rank);
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
  return EndGroup();
}

}  // extern "C"
