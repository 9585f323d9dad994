#include "tests/vgpu/runtime/collective.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/bfloat16.h"
#include "runtime/check.h"

namespace cogdist::vgpu {
namespace {

template <typename T>
T Combine(ncclRedOp_t reduction, T a, T b) {
  switch (reduction) {
    case ncclSum:
      return T(a + b);
    case ncclProd:
      return T(a * b);
    case ncclMax:
      return std::max(a, b);
    case ncclMin:
      return std::min(a, b);
  }
  return a;
}

template <>
float Combine(ncclRedOp_t reduction, float a, float b) {
  if (reduction == ncclMax) return std::fmax(a, b);
  if (reduction == ncclMin) return std::fmin(a, b);
  return reduction == ncclSum ? a + b : a * b;
}

template <>
BFloat16 Combine(ncclRedOp_t reduction, BFloat16 a, BFloat16 b) {
  return BFloat16(
      Combine<float>(reduction, static_cast<float>(a), static_cast<float>(b)));
}

template <typename T>
void FoldAs(ncclRedOp_t reduction, char* sum, const char* x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    T a, b;
    std::memcpy(&a, sum + i * sizeof(T), sizeof(T));
    std::memcpy(&b, x + i * sizeof(T), sizeof(T));
    a = Combine<T>(reduction, a, b);
    std::memcpy(sum + i * sizeof(T), &a, sizeof(T));
  }
}

void Fold(const CollectiveCall& call, char* sum, const char* x, int64_t count) {
  switch (call.type) {
    case ncclFloat32:
      return FoldAs<float>(call.reduction, sum, x, count);
    case ncclBfloat16:
      return FoldAs<BFloat16>(call.reduction, sum, x, count);
    case ncclFloat64:
      return FoldAs<double>(call.reduction, sum, x, count);
    case ncclInt32:
      return FoldAs<int32_t>(call.reduction, sum, x, count);
    case ncclInt64:
      return FoldAs<int64_t>(call.reduction, sum, x, count);
    default:
      COG_CHECK(false, "no arithmetic for NCCL type ", call.type);
  }
}

void Move(void* to, const void* from, int64_t bytes) {
  if (bytes > 0) std::memmove(to, from, bytes);
}

// The whole reduced buffer.
std::vector<char> Reduced(const std::vector<CollectiveCall>& calls,
                          int64_t bytes) {
  const char* const first = static_cast<const char*>(calls[0].send);
  std::vector<char> sum(first, first + bytes);
  for (size_t rank = 1; rank < calls.size(); ++rank) {
    Fold(calls[rank], sum.data(), static_cast<const char*>(calls[rank].send),
         bytes / SizeOf(calls[rank].type));
  }
  return sum;
}

void GatherAll(const std::vector<CollectiveCall>& calls) {
  const int64_t part = calls[0].Bytes();
  std::vector<char> all;
  for (const CollectiveCall& call : calls) {
    const char* const from = static_cast<const char*>(call.send);
    all.insert(all.end(), from, from + part);
  }
  for (const CollectiveCall& call : calls) {
    Move(call.receive, all.data(), all.size());
  }
}

const char* NameOf(ncclDataType_t type) {
  switch (type) {
    case ncclInt8:
      return "int8";
    case ncclUint8:
      return "uint8";
    case ncclInt32:
      return "int32";
    case ncclUint32:
      return "uint32";
    case ncclInt64:
      return "int64";
    case ncclUint64:
      return "uint64";
    case ncclFloat16:
      return "float16";
    case ncclFloat32:
      return "float32";
    case ncclFloat64:
      return "float64";
    case ncclBfloat16:
      return "bfloat16";
  }
  return "?";
}

const char* NameOf(ncclRedOp_t reduction) {
  constexpr const char* kNames[] = {"sum", "product", "maximum", "minimum"};
  return kNames[reduction];
}

}  // namespace

int64_t SizeOf(ncclDataType_t type) {
  switch (type) {
    case ncclInt8:
    case ncclUint8:
      return 1;
    case ncclFloat16:
    case ncclBfloat16:
      return 2;
    case ncclInt32:
    case ncclUint32:
    case ncclFloat32:
      return 4;
    case ncclInt64:
    case ncclUint64:
    case ncclFloat64:
      return 8;
  }
  return 0;
}

int64_t CollectiveCall::Bytes() const { return count * SizeOf(type); }

int64_t CollectiveCall::SendBytes(int rank, int size) const {
  switch (kind) {
    case CollectiveKind::kReduceScatter:
      return Bytes() * size;
    case CollectiveKind::kBroadcast:
      return rank == peer ? Bytes() : 0;
    case CollectiveKind::kReceive:
      return 0;
    default:
      return Bytes();
  }
}

int64_t CollectiveCall::ReceiveBytes(int rank, int size) const {
  switch (kind) {
    case CollectiveKind::kAllGather:
      return Bytes() * size;
    case CollectiveKind::kReduce:
      return rank == peer ? Bytes() : 0;
    case CollectiveKind::kSend:
      return 0;
    default:
      return Bytes();
  }
}

std::string CollectiveCall::ToString() const {
  const std::string what = absl::StrCat(" of ", count, " ", NameOf(type));
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return absl::StrCat("AllReduce", what, ", ", NameOf(reduction));
    case CollectiveKind::kReduce:
      return absl::StrCat("Reduce", what, ", ", NameOf(reduction), ", to rank ",
                          peer);
    case CollectiveKind::kBroadcast:
      return absl::StrCat("Broadcast", what, " from rank ", peer);
    case CollectiveKind::kReduceScatter:
      return absl::StrCat("ReduceScatter", what, " each, ", NameOf(reduction));
    case CollectiveKind::kAllGather:
      return absl::StrCat("AllGather", what, " each");
    case CollectiveKind::kSend:
      return absl::StrCat("Send", what, " to rank ", peer);
    case CollectiveKind::kReceive:
      return absl::StrCat("Recv", what, " from rank ", peer);
  }
  return "?";
}

bool Agree(const CollectiveCall& a, const CollectiveCall& b) {
  if (a.count != b.count || a.type != b.type) return false;
  if (a.point_to_point()) return b.point_to_point();
  return a.kind == b.kind && a.reduction == b.reduction && a.peer == b.peer;
}

void Execute(const std::vector<CollectiveCall>& calls) {
  const int64_t bytes = calls[0].Bytes();
  const int root = calls[0].peer;
  switch (calls[0].kind) {
    case CollectiveKind::kAllReduce: {
      const std::vector<char> sum = Reduced(calls, bytes);
      for (const auto& call : calls) Move(call.receive, sum.data(), bytes);
      return;
    }
    case CollectiveKind::kReduce:
      return Move(calls[root].receive, Reduced(calls, bytes).data(), bytes);
    case CollectiveKind::kBroadcast:
      for (const auto& call : calls) {
        Move(call.receive, calls[root].send, bytes);
      }
      return;
    case CollectiveKind::kReduceScatter: {
      const std::vector<char> sum = Reduced(calls, bytes * calls.size());
      for (size_t rank = 0; rank < calls.size(); ++rank) {
        Move(calls[rank].receive, sum.data() + rank * bytes, bytes);
      }
      return;
    }
    case CollectiveKind::kAllGather:
      return GatherAll(calls);
    case CollectiveKind::kSend:
    case CollectiveKind::kReceive:
      COG_CHECK(false, "messages are moved by their clique");
  }
}

}  // namespace cogdist::vgpu
