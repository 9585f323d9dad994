// What cudaStream_t points to: here, whoever takes launches.

#ifndef COGDIST_TESTS_VGPU_SIMT_STREAM_HANDLE_H_
#define COGDIST_TESTS_VGPU_SIMT_STREAM_HANDLE_H_

namespace cogdist::simt {
struct KernelLaunch;
}  // namespace cogdist::simt

struct CUstream_st {
  virtual ~CUstream_st() = default;
  // Why the launch was refused; null if it was taken. What the kernel does
  // wrong is not told here.
  virtual const char* Enqueue(const cogdist::simt::KernelLaunch& launch) = 0;
};

#endif  // COGDIST_TESTS_VGPU_SIMT_STREAM_HANDLE_H_
