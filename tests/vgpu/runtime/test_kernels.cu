#include "tests/vgpu/runtime/test_kernels.h"

#include "kernels/cuda/device/device.cuh"

namespace cogdist::cuda {
namespace {

constexpr unsigned kThreads = 32;

__global__ void Add(AddArgs args) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < args.count) args.to[i] = args.from[i] + args.amount;
}

void LaunchBlocksOf(unsigned threads, CUstream_st* stream,
                    const AddArgs& args) {
  const unsigned blocks = (args.count + kThreads - 1) / kThreads;
  Launch(stream, {.grid = {blocks}, .block = {threads}}, &Add, args);
}

}  // namespace

void LaunchAdd(CUstream_st* stream, const AddArgs& args) {
  LaunchBlocksOf(kThreads, stream, args);
}

void LaunchTooLarge(CUstream_st* stream, const AddArgs& args) {
  LaunchBlocksOf(2048, stream, args);
}

}  // namespace cogdist::cuda
