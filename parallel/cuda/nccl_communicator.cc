#include "parallel/cuda/nccl_communicator.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/cuda/ordered_bits_launch.h"
#include "parallel/partition.h"
#include "runtime/buffer.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

ncclDataType_t TypeOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return ncclFloat32;
    case DType::kBFloat16:
      return ncclBfloat16;
    case DType::kFloat64:
      return ncclFloat64;
    case DType::kInt32:
      return ncclInt32;
    case DType::kInt64:
      return ncclInt64;
    case DType::kUInt16:
      break;
  }
  COG_CHECK(false, "NCCL has no ", Name(dtype));
}

char* At(const TensorView& x, int64_t element) {
  return static_cast<char*>(x.data) + element * SizeOf(x.dtype);
}

// All parts have one size, as NCCL's own all-gather and reduce-scatter want it.
bool AreEqualParts(absl::Span<const int64_t> borders) {
  for (size_t i = 2; i < borders.size(); ++i) {
    if (borders[i] - borders[i - 1] != borders[1] - borders[0]) return false;
  }
  return true;
}

std::string Explain(ncclResult_t result, const char* call, ncclComm_t comm) {
  return absl::StrCat(call, " failed: ", ncclGetErrorString(result), " (",
                      ncclGetLastError(comm), ")");
}

absl::StatusOr<ncclUniqueId> AgreeOnId(Communicator& host) {
  ncclUniqueId id = {};
  ncclResult_t result = ncclSuccess;
  if (host.rank() == 0) result = ncclGetUniqueId(&id);
  // An empty text says that rank 0 has none, so that nobody waits for it.
  const std::string text = host.BroadcastString(
      result == ncclSuccess ? absl::string_view(id.internal, sizeof(id))
                            : absl::string_view(),
      0);
  if (text.size() != sizeof(id)) {
    return absl::UnavailableError(absl::StrCat(
        "rank 0 of the group cannot open NCCL's door: ",
        host.rank() == 0 ? Explain(result, "ncclGetUniqueId", nullptr)
                         : "see its log"));
  }
  std::memcpy(&id, text.data(), sizeof(id));
  return id;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Communicator>> NcclCommunicator::Create(
    std::unique_ptr<Communicator> host, Device& device) {
  COG_CHECK(device.type() == DeviceType::kCuda);
  if (host->size() == 1) return host;
  COG_RETURN_IF_ERROR(CheckNcclOrder());
  auto made = std::unique_ptr<NcclCommunicator>(
      new NcclCommunicator(std::move(host), device));
  if (made->carries() != Carries::kControl) {
    COG_RETURN_IF_ERROR(made->Connect());
  }
  return made;
}

absl::Status NcclCommunicator::Connect() {
  COG_ASSIGN_OR_RETURN(const ncclUniqueId id, AgreeOnId(*host_));
  COG_ASSIGN_OR_RETURN(lanes_, NcclLanes::Create(host_->lanes(), device_));
  const std::unique_ptr<Stream> stream = device_.CreateStream();
  COG_ASSIGN_OR_RETURN(const Buffer bytes, Buffer::Allocate(device_, 2));
  lanes_->OnThread([&] {
    Init(id);
    Greet(*stream, static_cast<char*>(bytes.data()));
  });
  return absl::OkStatus();
}

void NcclCommunicator::Init(const ncclUniqueId& id) {
  const ncclResult_t result = ncclCommInitRank(&comm_, size(), id, rank());
  COG_CHECK(result == ncclSuccess, Explain(result, "ncclCommInitRank", nullptr),
            " for rank ", rank(), " of ", size(),
            "; NCCL wants a GPU for every rank, and NCCL_DEBUG=INFO makes it "
            "say more");
  probe_.emplace(lanes_->group().ledger, [this] {
    return FailureInBackground("an operation of NCCL");
  });
}

// NCCL connects two ranks at their first message, and holds up the thread of
// each until the other's comes: now, and not when others wait for what this
// thread would do next.
void NcclCommunicator::Greet(Stream& stream, char* bytes) {
  const cudaStream_t on = AsCudaStream(stream).handle();
  stream.FillZero(bytes, 2);
  Check(ncclGroupStart(), "ncclGroupStart");
  Check(ncclSend(bytes, 1, ncclUint8, (rank() + 1) % size(), comm_, on),
        "ncclSend");
  Check(ncclRecv(bytes + 1, 1, ncclUint8, (rank() + size() - 1) % size(), comm_,
                 on),
        "ncclRecv");
  Check(ncclGroupEnd(), "ncclGroupEnd");
  stream.Synchronize();
}

NcclCommunicator::~NcclCommunicator() {
  if (comm_ == nullptr) return;
  probe_.reset();
  lanes_->OnThread([&] {
    const ncclResult_t result = ncclCommDestroy(comm_);
    COG_CHECK(result == ncclSuccess,
              Explain(result, "ncclCommDestroy", nullptr));
  });
}

absl::StatusOr<std::unique_ptr<Communicator>> NcclCommunicator::DoSplit(
    absl::Span<const int> members, absl::string_view name, Carries carries) {
  COG_ASSIGN_OR_RETURN(std::unique_ptr<Communicator> host,
                       host_->Split(members, name, carries));
  return Create(std::move(host), device_);
}

Traffic NcclCommunicator::traffic() const {
  return {.data_bytes = data_bytes_,
          .control_bytes = host_->traffic().control_bytes};
}

void NcclCommunicator::Check(ncclResult_t result, const char* call) {
  COG_CHECK(result == ncclSuccess, Explain(result, call, comm_));
  const std::string failure = FailureInBackground(call);
  COG_CHECK(failure.empty(), failure);
}

std::string NcclCommunicator::FailureInBackground(const char* call) const {
  ncclResult_t background = ncclSuccess;
  ncclResult_t result = ncclCommGetAsyncError(comm_, &background);
  if (result == ncclSuccess) result = background;
  if (result == ncclSuccess || result == ncclInProgress) return "";
  return Explain(result, call, comm_);
}

void NcclCommunicator::CheckOrder(SumOrder order) const {
  COG_CHECK(order == SumOrder::kRing || size() == 2,
            "NCCL cannot sum pairwise over ", size(), " ranks");
}

int64_t NcclCommunicator::RingBytes(const TensorView& x,
                                    absl::Span<const int64_t> borders) const {
  const int64_t others =
      borders.back() - borders.front() - PartOf(borders, rank()).count;
  return others * SizeOf(x.dtype);
}

void NcclCommunicator::Enqueue(
    Stream& stream, const Ledger::Entry& entry,
    absl::FunctionRef<void(cudaStream_t)> operation) {
  CudaStream& on = AsCudaStream(stream);
  lanes_->OnStream(on, entry, [&] { operation(on.handle()); });
}

void NcclCommunicator::ForEachPart(const TensorView& x,
                                   absl::Span<const int64_t> borders,
                                   const char* name,
                                   absl::FunctionRef<PartCall> call) {
  Check(ncclGroupStart(), "ncclGroupStart");
  for (int owner = 0; owner < size(); ++owner) {
    const ElementRange part = PartOf(borders, owner);
    if (part.count > 0) Check(call(At(x, part.begin), part.count, owner), name);
  }
  Check(ncclGroupEnd(), "ncclGroupEnd");
}

void NcclCommunicator::DoAllReduce(Stream& stream, const TensorView& x,
                                   Reduction op, SumOrder order) {
  if (x.num_elements() == 0) return;
  CheckOrder(order);
  data_bytes_ += 2 * RingBytes(x, EvenBorders(x.num_elements(), size()));
  Enqueue(stream, EntryOf(Operation::kAllReduce, x), [&](cudaStream_t on) {
    if (op == Reduction::kMax) return AllReduceMaxOn(on, x);
    Check(ncclAllReduce(x.data, x.data, x.num_elements(), TypeOf(x.dtype),
                        ncclSum, comm_, on),
          "ncclAllReduce");
  });
}

void NcclCommunicator::AllReduceMaxOn(cudaStream_t on, const TensorView& x) {
  const cuda::OrderedBitsLaunch launch = {.x = x.data, .n = x.num_elements()};
  cuda::LaunchToOrderedBits(on, launch);
  Check(ncclAllReduce(x.data, x.data, x.num_elements(), ncclInt32, ncclMax,
                      comm_, on),
        "ncclAllReduce");
  cuda::LaunchFromOrderedBits(on, launch);
}

void NcclCommunicator::DoReduceScatter(Stream& stream, const TensorView& x,
                                       absl::Span<const int64_t> borders,
                                       SumOrder order) {
  if (borders.front() == borders.back()) return;
  CheckOrder(order);
  data_bytes_ += RingBytes(x, borders);
  const ncclDataType_t type = TypeOf(x.dtype);
  Enqueue(stream, EntryOf(Operation::kReduceScatter, x), [&](cudaStream_t on) {
    if (AreEqualParts(borders)) {
      return Check(
          ncclReduceScatter(At(x, borders.front()), At(x, borders[rank()]),
                            borders[1] - borders[0], type, ncclSum, comm_, on),
          "ncclReduceScatter");
    }
    ForEachPart(
        x, borders, "ncclReduce", [&](char* data, int64_t count, int owner) {
          return ncclReduce(data, data, count, type, ncclSum, owner, comm_, on);
        });
  });
}

void NcclCommunicator::DoAllGather(Stream& stream, const TensorView& x,
                                   absl::Span<const int64_t> borders) {
  if (borders.front() == borders.back()) return;
  data_bytes_ += RingBytes(x, borders);
  // As bytes: types that NCCL does not know are gathered like any other.
  const int64_t size_of = SizeOf(x.dtype);
  Enqueue(stream, EntryOf(Operation::kAllGather, x), [&](cudaStream_t on) {
    if (AreEqualParts(borders)) {
      return Check(ncclAllGather(At(x, borders[rank()]), At(x, borders.front()),
                                 (borders[1] - borders[0]) * size_of, ncclUint8,
                                 comm_, on),
                   "ncclAllGather");
    }
    ForEachPart(x, borders, "ncclBroadcast",
                [&](char* data, int64_t count, int owner) {
                  return ncclBroadcast(data, data, count * size_of, ncclUint8,
                                       owner, comm_, on);
                });
  });
}

void NcclCommunicator::DoBroadcast(Stream& stream, const TensorView& x,
                                   int root) {
  if (x.num_elements() == 0) return;
  // Along the ring from the root, whose predecessor passes nothing on.
  if ((rank() + 1) % size() != root) data_bytes_ += x.bytes();
  Enqueue(stream, EntryOf(Operation::kBroadcast, x), [&](cudaStream_t on) {
    Check(ncclBroadcast(x.data, x.data, x.bytes(), ncclUint8, root, comm_, on),
          "ncclBroadcast");
  });
}

void NcclCommunicator::DoSendRecv(Stream& stream, const Transfer& send,
                                  const Transfer& recv) {
  if (send.x.bytes() + recv.x.bytes() == 0) return;
  data_bytes_ += send.x.bytes();
  Enqueue(stream, EntryOf(lanes_->group(), send, recv), [&](cudaStream_t on) {
    Check(ncclGroupStart(), "ncclGroupStart");
    if (send.x.bytes() > 0) {
      Check(ncclSend(send.x.data, send.x.bytes(), ncclUint8, send.peer, comm_,
                     on),
            "ncclSend");
    }
    if (recv.x.bytes() > 0) {
      Check(ncclRecv(recv.x.data, recv.x.bytes(), ncclUint8, recv.peer, comm_,
                     on),
            "ncclRecv");
    }
    Check(ncclGroupEnd(), "ncclGroupEnd");
  });
}

}  // namespace cogdist
