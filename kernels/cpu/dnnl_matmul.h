// A matrix product of one shape as a oneDNN primitive: generated on first use,
// kept with the stream, run without allocating. No exceptions: the C interface
// of oneDNN throws none.

#ifndef COGDIST_KERNELS_CPU_DNNL_MATMUL_H_
#define COGDIST_KERNELS_CPU_DNNL_MATMUL_H_

#include <cstdint>
#include <memory>

#include "kernels/matmul.h"
#include "runtime/stream.h"

namespace cogdist::cpu {

class DnnlMatMul {
 public:
  // The primitive for the shapes, strides, types and flags of `args` that works
  // with `threads` threads. Lives as long as the stream, which may be one of a
  // meta device. Null if oneDNN has none for this processor (bfloat16 without
  // AVX-512). REQUIRES: m, n, k > 0.
  static const DnnlMatMul* Get(Stream& stream, const MatMulArgs& args,
                               int threads);

  ~DnnlMatMul();

  // Bytes of scratch memory that Run() needs.
  int64_t scratch_bytes() const;
  // The product of the matrices that `args` points to; otherwise `args` must be
  // as it was in Get(). Threads of an OpenMP team may call it at the same time,
  // as many as omp_get_max_threads() was in the last Get(), each with scratch
  // memory of its own.
  // REQUIRES: omp_get_max_threads() == threads, in the calling thread.
  void Run(const MatMulArgs& args, void* scratch) const;

 private:
  struct Impl;
  struct Cache;
  explicit DnnlMatMul(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_DNNL_MATMUL_H_
