#include "tests/vgpu/runtime/test_kernels.h"

#include "kernels/cuda/device/device.cuh"

namespace cogdist::cuda {
namespace {

constexpr unsigned kThreads = 32;

__global__ void Add(AddArgs args) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < args.count) args.to[i] = args.from[i] + args.amount;
}

void LaunchBlocksOf(unsigned threads, CUstream_st* stream, const AddArgs& args,
                    size_t shared_bytes = 0) {
  const unsigned blocks = (args.count + kThreads - 1) / kThreads;
  Launch(stream,
         {.grid = {blocks}, .block = {threads}, .shared_bytes = shared_bytes},
         &Add, args);
}

}  // namespace

void LaunchAdd(CUstream_st* stream, const AddArgs& args) {
  LaunchBlocksOf(kThreads, stream, args);
}

void LaunchAddSharing(CUstream_st* stream, const AddArgs& args,
                      size_t shared_bytes) {
  LaunchBlocksOf(kThreads, stream, args, shared_bytes);
}

void LaunchTooLarge(CUstream_st* stream, const AddArgs& args) {
  LaunchBlocksOf(2048, stream, args);
}

}  // namespace cogdist::cuda
