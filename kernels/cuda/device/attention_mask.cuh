// Which keys a query sees, and which tiles of them are worth looking at.

#ifndef COGDIST_KERNELS_CUDA_DEVICE_ATTENTION_MASK_CUH_
#define COGDIST_KERNELS_CUDA_DEVICE_ATTENTION_MASK_CUH_

#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/device/device.cuh"

namespace cogdist::cuda {

// The visible keys of one query are a range of indices.
struct KeyRange {
  __device__ __forceinline__ bool Has(int64_t key) const {
    return key >= begin && key < end;
  }
  int64_t begin, end;  // empty unless begin < end
};

__device__ __forceinline__ int64_t Clamp(int64_t x, int64_t most) {
  return x < 0 ? 0 : x > most ? most : x;
}

// Of query i of sequence `b`; nothing for rows beyond the end.
__device__ __forceinline__ KeyRange VisibleKeys(const AttentionProblem& p,
                                                int64_t b, int64_t i) {
  if (i >= p.q_len) return {0, 0};
  KeyRange range = {0, p.kv_len};
  if (p.causal) {
    range.end = Clamp(p.query_offset + i + 1 - p.key_offset, p.kv_len);
  }
  if (p.document_start != nullptr) {
    range.begin = Clamp(
        p.document_start[b * p.document_stride + i] - p.key_offset, p.kv_len);
  }
  return range;
}

// The least and the largest of the numbers of a warp's lanes.
struct LaneBounds {
  __device__ __forceinline__ explicit LaneBounds(int least_, int most_)
      : least(least_), most(most_) {
#pragma unroll
    for (int bits = kWarp / 2; bits > 0; bits /= 2) {
      const int other_least = __shfl_xor_sync(kAllLanes, least, bits);
      const int other_most = __shfl_xor_sync(kAllLanes, most, bits);
      least = other_least < least ? other_least : least;
      most = other_most > most ? other_most : most;
    }
  }
  int least, most;
};

// The least range that holds those of all lanes that see anything; empty if
// none does. The whole warp calls it.
__device__ __forceinline__ KeyRange Hull(KeyRange range) {
  const bool empty = range.begin >= range.end;
  const LaneBounds bounds(empty ? 0x7fffffff : static_cast<int>(range.begin),
                          empty ? 0 : static_cast<int>(range.end));
  return {bounds.least, bounds.most};
}

// What a tile has to do with, of the rows of the other side: what any of its
// own rows sees, or is seen by, and, within that, what all of them see. Small
// numbers, because registers are scarce.
struct Sight {
  // Of tiles of kRows that start at multiples of it; the end if none is seen.
  template <int kRows>
  __device__ __forceinline__ int FirstTile() const {
    return begin < end ? begin / kRows * kRows : end;
  }
  __device__ __forceinline__ bool IsWhole(int first, int rows) const {
    return first >= core_begin && first + rows <= core_end;
  }
  int begin, end;  // empty unless begin < end
  int core_begin, core_end;
};

// The keys that kCount queries from `first` on see. Queries beyond the end are
// neither for nor against. The whole warp calls it.
template <int kCount>
__device__ __forceinline__ Sight KeysOfQueries(const AttentionProblem& p,
                                               int64_t b, int64_t first) {
  static_assert(kCount % kWarp == 0);
  int begin = 0x7fffffff, end = 0;
  int core_begin = 0, core_end = static_cast<int>(p.kv_len);
#pragma unroll
  for (int i = 0; i < kCount / kWarp; ++i) {
    const int64_t row = first + i * kWarp + threadIdx.x % kWarp;
    if (row >= p.q_len) continue;
    const KeyRange range = VisibleKeys(p, b, row);
    const int from = static_cast<int>(range.begin);
    const int to = static_cast<int>(range.end);
    if (from < to && from < begin) begin = from;
    if (from < to && to > end) end = to;
    if (from > core_begin) core_begin = from;
    if (to < core_end) core_end = to;
  }
  const LaneBounds hull(begin, end), core(core_end, core_begin);
  return {hull.least, hull.most, core.most, core.least};
}

// The first of `count` numbers, none less than the one before it, that is
// greater than `value`; `count` if none is. The whole warp calls it, and looks
// at 32 places at a time: three times among 32768.
__device__ __forceinline__ int FirstAbove(const int32_t* numbers, int count,
                                          int64_t value) {
  int begin = 0, end = count;  // the result is not outside
  while (begin < end) {
    const int part = (end - begin + kWarp - 1) / kWarp;
    const int last =
        begin + (static_cast<int>(threadIdx.x) % kWarp + 1) * part - 1;
    const bool above = last >= end || numbers[last] > value;
    const unsigned votes = __ballot_sync(kAllLanes, above);
    begin += (votes == 0 ? kWarp : LowestBit(votes)) * part;
    if (begin + part - 1 < end) end = begin + part - 1;
  }
  return end;
}

// The queries that see kCount keys from `key0` on. Keys beyond the end are
// neither for nor against, nor are queries beyond the end. The whole warp calls
// it.
template <int kCount>
__device__ __forceinline__ Sight QueriesOfKeys(const AttentionProblem& p,
                                               int64_t b, int64_t key0) {
  const int64_t last = Clamp(key0 + kCount, p.kv_len) - 1;
  const int q_len = static_cast<int>(p.q_len);
  Sight sight = {0, q_len, 0, q_len};
  if (p.causal) {
    const int64_t offset = p.key_offset - p.query_offset;
    sight.begin = static_cast<int>(Clamp(key0 + offset, p.q_len));
    sight.core_begin = static_cast<int>(Clamp(last + offset, p.q_len));
  }
  if (p.document_start != nullptr) {
    const int32_t* const starts = p.document_start + b * p.document_stride;
    sight.end = FirstAbove(starts, q_len, last + p.key_offset);
    sight.core_end = FirstAbove(starts, sight.end, key0 + p.key_offset);
  }
  if (sight.core_end == q_len) sight.core_end = 0x7fffffff;
  return sight;
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_DEVICE_ATTENTION_MASK_CUH_
