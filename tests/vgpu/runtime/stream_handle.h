// What cudaStream_t points to.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_STREAM_HANDLE_H_
#define COGDIST_TESTS_VGPU_RUNTIME_STREAM_HANDLE_H_

struct CUstream_st {
  virtual ~CUstream_st() = default;
};

#endif  // COGDIST_TESTS_VGPU_RUNTIME_STREAM_HANDLE_H_
