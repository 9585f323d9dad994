// Ranks of one NCCL communicator, for tests of it.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_NCCL_TESTING_H_
#define COGDIST_TESTS_VGPU_RUNTIME_NCCL_TESTING_H_

#include <functional>
#include <thread>
#include <vector>

#include "cuda_runtime_api.h"
#include "gtest/gtest.h"
#include "nccl.h"

namespace cogdist::vgpu {

struct NcclRank {
  int rank = 0;
  ncclComm_t comm = nullptr;
  cudaStream_t stream = nullptr;
  float* x = nullptr;  // 64 elements

  cudaError_t Finish() const { return cudaStreamSynchronize(stream); }
  ncclResult_t AllReduce(int count, ncclRedOp_t op = ncclSum) const {
    return ncclAllReduce(x, x, count, ncclFloat32, op, comm, stream);
  }
};

// `body` as every rank of one communicator, each on a device of its own.
inline void RunNcclRanks(int size, const std::function<void(NcclRank&)>& body) {
  ncclUniqueId id;
  ASSERT_EQ(ncclGetUniqueId(&id), ncclSuccess);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      cudaSetDevice(rank);
      NcclRank self{.rank = rank};
      ASSERT_EQ(ncclCommInitRank(&self.comm, size, id, rank), ncclSuccess);
      cudaStreamCreateWithFlags(&self.stream, cudaStreamNonBlocking);
      void* memory = nullptr;
      ASSERT_EQ(cudaMalloc(&memory, 64 * sizeof(float)), cudaSuccess);
      self.x = static_cast<float*>(memory);
      cudaMemsetAsync(self.x, 0, 64 * sizeof(float), self.stream);
      body(self);
      ncclCommDestroy(self.comm);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_RUNTIME_NCCL_TESTING_H_
