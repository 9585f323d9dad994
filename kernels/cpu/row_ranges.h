// Sums over the rows of a tensor, as gradients of parameters are, whose bits do
// not depend on the thread count: a fixed number of ranges of rows have sums of
// their own, which are then added in the ranges' order.

#ifndef COGDIST_KERNELS_CPU_ROW_RANGES_H_
#define COGDIST_KERNELS_CPU_ROW_RANGES_H_

#include <algorithm>
#include <cstdint>

#include "absl/types/span.h"
#include "kernels/cpu/parallel_for.h"

namespace cogdist::cpu {

inline int64_t NumRowRanges(int64_t rows) {
  return std::min<int64_t>(rows, 64);
}

// Scratch memory for `count` sums of every range.
inline int64_t RowRangesBytes(int64_t rows, int64_t count) {
  return NumRowRanges(rows) * count * sizeof(float);
}

// Calls add(row, sums) for all rows, those of a range in order and with the
// range's `count` sums in `partial`, which begin at 0. `bytes` is the memory
// that one row touches.
template <typename F>
void SumRowRanges(int64_t rows, int64_t count, int64_t bytes, float* partial,
                  const F& add) {
  const int64_t ranges = NumRowRanges(rows);
  if (ranges == 0) return;
  ParallelFor(ranges, bytes * rows / ranges, [&](int64_t range) {
    float* const sums = partial + range * count;
    std::fill_n(sums, count, 0.0f);
    const int64_t end = (range + 1) * rows / ranges;
    for (int64_t row = range * rows / ranges; row < end; ++row) add(row, sums);
  });
}

// to[i] += the sum over the ranges of partial[range * count + i].
inline void AddRowRanges(absl::Span<float> to, const float* partial,
                         int64_t rows, int64_t count) {
  constexpr int64_t kBlock = 64;  // sums that stay in registers or L1
  const int64_t ranges = NumRowRanges(rows), n = to.size();
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t size = std::min(kBlock, n - begin);
    float sums[kBlock] = {};
    for (int64_t range = 0; range < ranges; ++range) {
      const float* const from = partial + range * count + begin;
      for (int64_t i = 0; i < size; ++i) sums[i] += from[i];
    }
    for (int64_t i = 0; i < size; ++i) to[begin + i] += sums[i];
  }
}

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_ROW_RANGES_H_
