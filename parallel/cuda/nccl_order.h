// In what order a GPU carries out the operations of several NCCL communicators.
// A rank's groups communicate side by side, and an operation keeps part of its
// GPU until its peers have come: ranks that began them in different orders, or
// one only when another has ended, might wait for each other without end.

#ifndef COGDIST_PARALLEL_CUDA_NCCL_ORDER_H_
#define COGDIST_PARALLEL_CUDA_NCCL_ORDER_H_

#include "absl/status/status.h"
#include "parallel/communicator.h"

namespace cogdist {

// Sets the environment for CUDA and NCCL, which look when they are first used.
// What the user has set stays.
void PrepareNcclOrder();

// FAILED_PRECONDITION if NCCL is too old to keep an order.
absl::Status CheckNcclOrder();

// What order this machine's NCCL and driver keep.
Communicator::Overlap NcclOverlap();

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CUDA_NCCL_ORDER_H_
