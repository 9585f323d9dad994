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

// The least range that holds those of all lanes that see anything; empty if
// none does. The whole warp calls it.
__device__ __forceinline__ KeyRange Hull(KeyRange range) {
  const bool empty = range.begin >= range.end;
  int begin = empty ? 0x7fffffff : static_cast<int>(range.begin);
  int end = empty ? 0 : static_cast<int>(range.end);
#pragma unroll
  for (int bits = kWarp / 2; bits > 0; bits /= 2) {
    const int other_begin = __shfl_xor_sync(kAllLanes, begin, bits);
    const int other_end = __shfl_xor_sync(kAllLanes, end, bits);
    begin = other_begin < begin ? other_begin : begin;
    end = other_end > end ? other_end : end;
  }
  return {begin, end};
}

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_DEVICE_ATTENTION_MASK_CUH_
