// One rank's call of NCCL, and what all ranks' calls compute together.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_COLLECTIVE_H_
#define COGDIST_TESTS_VGPU_RUNTIME_COLLECTIVE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "nccl.h"

namespace cogdist::vgpu {

enum class CollectiveKind {
  kAllReduce,
  kReduce,
  kBroadcast,
  kReduceScatter,
  kAllGather,
  kSend,
  kReceive,
};

struct CollectiveCall {
  CollectiveKind kind = CollectiveKind::kAllReduce;
  const void* send = nullptr;
  void* receive = nullptr;
  int64_t count = 0;  // as the call counts: of one rank's part, or of all
  ncclDataType_t type = ncclFloat32;
  ncclRedOp_t reduction = ncclSum;
  int peer = 0;  // or the root

  bool point_to_point() const {
    return kind == CollectiveKind::kSend || kind == CollectiveKind::kReceive;
  }
  int64_t Bytes() const;
  // Of both buffers, in a group of `size`; 0 where this rank has none.
  int64_t SendBytes(int rank, int size) const;
  int64_t ReceiveBytes(int rank, int size) const;
  // "AllReduce of 12 float32, sum".
  std::string ToString() const;
};

int64_t SizeOf(ncclDataType_t type);  // 0 for what is no type

// All ranks mean the same collective. Messages compare with their own peer.
bool Agree(const CollectiveCall& a, const CollectiveCall& b);

// The collective of all ranks' calls, by rank, whatever memory they share;
// reductions go in rank order and round after every rank. Maxima and minima
// leave NaN out, as fmax() does: nobody may count on more.
void Execute(const std::vector<CollectiveCall>& calls);

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_RUNTIME_COLLECTIVE_H_
