// Loops over independent items on the threads of OpenMP.

#ifndef COGDIST_KERNELS_CPU_PARALLEL_FOR_H_
#define COGDIST_KERNELS_CPU_PARALLEL_FOR_H_

#include <algorithm>
#include <cstdint>

namespace cogdist::cpu {

// Waking the threads costs some microseconds: less memory traffic than this
// stays on the caller's thread.
inline constexpr int64_t kMinParallelBytes = int64_t{1} << 16;

// Calls f(i) for every i in [0, n), each once, neighbours on one thread.
// `bytes` is the memory that one item touches, roughly. Which thread runs an
// item must not matter for its result.
template <typename F>
void ParallelFor(int64_t n, int64_t bytes, const F& f) {
#pragma omp parallel for schedule(static) if (n * bytes > kMinParallelBytes)
  for (int64_t i = 0; i < n; ++i) f(i);
}

// Elements of a flat range that one item takes in ParallelChunks().
inline constexpr int64_t kParallelChunk = 4096;

// Calls f(begin, count) for consecutive pieces of [0, n). `bytes` is the memory
// that one element touches.
template <typename F>
void ParallelChunks(int64_t n, int64_t bytes, const F& f) {
  const int64_t chunks = (n + kParallelChunk - 1) / kParallelChunk;
  ParallelFor(chunks, kParallelChunk * bytes, [&](int64_t chunk) {
    const int64_t begin = chunk * kParallelChunk;
    f(begin, std::min(kParallelChunk, n - begin));
  });
}

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_PARALLEL_FOR_H_
