// NCCL's calls as operations of streams.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_NCCL_OPERATION_H_
#define COGDIST_TESTS_VGPU_RUNTIME_NCCL_OPERATION_H_

#include <memory>
#include <string>
#include <vector>

#include "nccl.h"
#include "tests/vgpu/runtime/clique.h"
#include "tests/vgpu/runtime/collective.h"
#include "tests/vgpu/runtime/stream.h"

struct ncclComm {
  cogdist::vgpu::Clique* clique = nullptr;
  int rank = 0;
  int device = 0;
  // Others hold it than the communicator as long as a graph has its operations.
  std::shared_ptr<void> in_graphs = std::make_shared<char>();
};

namespace cogdist::vgpu {

struct NcclCall {
  const char* name = nullptr;
  ncclComm* comm = nullptr;
  Stream* stream = nullptr;
  CollectiveCall call;
};

// Reports what is wrong with a call.
ncclResult_t Misuse(const NcclCall& made, const std::string& text);

// Enqueues, or captures, the calls of a group, or one that is in none. Those of
// a communicator are one operation. If they name several streams, it is on all
// of them: it begins when all have come to it, and none goes on before its end.
// NCCL documents that, so it orders the streams like an event.
//
// The order of a communicator's operations on different streams is another
// matter: no documentation promises it, so it decides when an operation may
// begin (see Clique), but orders no access to memory. Who relies on it is
// reported as a race.
ncclResult_t SubmitGroup(const std::vector<NcclCall>& calls);

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_RUNTIME_NCCL_OPERATION_H_
