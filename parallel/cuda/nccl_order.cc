#include "parallel/cuda/nccl_order.h"

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace cogdist {
namespace {

constexpr char kLaunchOrder[] = "NCCL_LAUNCH_ORDER_IMPLICIT";

// 0 where it cannot be told.
int NcclVersion() {
  int version = 0;
  return ncclGetVersion(&version) == ncclSuccess ? version : 0;
}

int DriverVersion() {
  int version = 0;
  return cudaDriverGetVersion(&version) == cudaSuccess ? version : 0;
}

}  // namespace

void PrepareNcclOrder() {
  constexpr int kKeepTheUsers = 0;
  // NCCL begins operations in the order of the calls.
  setenv(kLaunchOrder, "1", kKeepTheUsers);
  // As many queues as there can be, for as many streams; 8 are the default.
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", kKeepTheUsers);
  // Else kernels are loaded when they are first launched, for which CUDA may
  // wait until the GPU is idle: an operation that waits for its peers never is.
  setenv("CUDA_MODULE_LOADING", "EAGER", kKeepTheUsers);
}

absl::Status CheckNcclOrder() {
  constexpr int kLeast = 22600;
  const int version = NcclVersion();
  if (version >= kLeast) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "NCCL ", version / 10000, ".", version / 100 % 100, ".", version % 100,
      " begins operations of several groups in any order, and ranks may wait "
      "for each other without end; install NCCL 2.26 or later"));
}

Communicator::Overlap NcclOverlap() {
  const absl::string_view order = std::getenv(kLaunchOrder);
  if (order != "1") return Communicator::Overlap::kAlways;
  // As NCCL decides (getImplicitOrder() in its src/enqueue.cc).
  const int driver = DriverVersion();
  if (driver < 12030) return Communicator::Overlap::kNever;
  if (driver < 12090 || NcclVersion() < 22700) {
    return Communicator::Overlap::kOutsideGraphs;
  }
  return Communicator::Overlap::kAlways;
}

}  // namespace cogdist
