// Kernels for tests of streams.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_TEST_KERNELS_H_
#define COGDIST_TESTS_VGPU_RUNTIME_TEST_KERNELS_H_

#include <cstddef>
#include <cstdint>

struct CUstream_st;

namespace cogdist::cuda {

// to[i] = from[i] + amount of `count` numbers; the buffers may be the same.
struct AddArgs {
  float* to;
  const float* from;
  int64_t count;
  float amount;
};
void LaunchAdd(CUstream_st* stream, const AddArgs& args);

// With so many bytes of shared memory, which the kernel does not use.
void LaunchAddSharing(CUstream_st* stream, const AddArgs& args,
                      size_t shared_bytes);

// A block larger than any device has.
void LaunchTooLarge(CUstream_st* stream, const AddArgs& args);

}  // namespace cogdist::cuda

#endif  // COGDIST_TESTS_VGPU_RUNTIME_TEST_KERNELS_H_
