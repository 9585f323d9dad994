// Attention in bfloat16 on tensor cores with float32 sums, after
// FlashAttention-2 (Dao, 2023): four warps own 128 queries, 32 each; keys and
// values go by in tiles of 64 or 32, one buffer each. The values of a tile are
// copied while its scores are computed, the next keys while its values are
// used.
//
// The signed weight costs one instruction: with w' = 2^-40 w, which the
// exponent's constant does, a' = SignedMin(w', p) is sign(p) w', and 0 where p
// is 0, for all scores but those within 2^-40 of zero. The factor cancels in o.
//
// Weights are relative to the row's maximum so far, so that the largest is 1,
// in bfloat16 too. Tiles without a new maximum neither exchange maxima nor
// correct what was summed before.

#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/attention_split.h"
#include "kernels/cuda/device/attention_mask.cuh"
#include "kernels/cuda/device/attention_place.cuh"
#include "kernels/cuda/device/attention_split.cuh"
#include "kernels/cuda/device/attention_views.cuh"
#include "kernels/cuda/device/mma_tile.cuh"
#include "kernels/cuda/device/reduce.cuh"

namespace cogdist::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;
constexpr int kRowTiles = 2;  // of 16 queries, a warp
constexpr int kWarpQueries = 16 * kRowTiles;
constexpr int kQueries = kWarps * kWarpQueries;
constexpr float kLog2E = 1.4426950408889634f;
constexpr float kLn2 = 0.6931471805599453f;

// In a tile: as many as registers allow beside the sums.
template <int kDim>
constexpr int kKeys = kDim == 64 ? 64 : 32;
template <int kDim>
constexpr int kKeyTiles = kKeys<kDim> / 8;

// Shared memory of a block.
template <int kDim>
struct Memory {
  static constexpr int kQBytes = kQueries * kDim * 2;
  static constexpr int kKBytes = kKeys<kDim> * kDim * 2;
  static constexpr int kRangesAt = kQBytes + 2 * kKBytes;
  static constexpr int kBytes =
      kRangesAt + (2 * kQueries + 2 * kWarps) * sizeof(int);

  __device__ __forceinline__ Memory()
      : q(SharedAddress(SharedArena())),
        k(q + kQBytes),
        v(k + kKBytes),
        begin(reinterpret_cast<int*>(SharedArena() + kRangesAt)),
        end(begin + kQueries),
        hull_begin(end + kQueries),
        hull_end(hull_begin + kWarps) {}

  uint32_t q, k, v;            // tiles
  int *begin, *end;            // [kQueries]: visible keys of each query
  int *hull_begin, *hull_end;  // [kWarps]: of all queries of a warp
};

// Keys that a warp's queries see: any of them (hull), all of them (core). Small
// numbers, because registers are scarce.
struct WarpKeys {
  int hull_begin, hull_end;
  int core_begin, core_end;
};

// Stores the ranges of this warp's queries. Queries beyond the end see all, for
// the core, and nothing, for the hull.
template <int kDim>
__device__ __forceinline__ WarpKeys FindKeys(const AttentionProblem& p,
                                             int64_t b, int64_t first,
                                             const Memory<kDim>& memory) {
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const int in_tile = warp * kWarpQueries + lane;
  const KeyRange range = VisibleKeys(p, b, first + in_tile);
  memory.begin[in_tile] = static_cast<int>(range.begin);
  memory.end[in_tile] = static_cast<int>(range.end);
  const KeyRange hull = Hull(range);
  const bool inside = first + in_tile < p.q_len;
  // The core is what no query's gap before or behind its range touches.
  const KeyRange before = {0, inside ? range.begin : 0};
  const KeyRange behind = {inside ? range.end : p.kv_len, p.kv_len};
  const WarpKeys keys = {static_cast<int>(hull.begin),
                         static_cast<int>(hull.end),
                         static_cast<int>(Hull(before).end),
                         static_cast<int>(Clamp(Hull(behind).begin, p.kv_len))};
  if (lane == 0) {
    memory.hull_begin[warp] = keys.hull_begin;
    memory.hull_end[warp] = keys.hull_end;
  }
  return keys;
}

// The union of the warps' hulls, with its begin on a border of tiles.
template <int kDim>
__device__ __forceinline__ KeyRange BlockKeys(const Memory<kDim>& memory) {
  int begin = 0x7fffffff, end = 0;
#pragma unroll
  for (int warp = 0; warp < kWarps; ++warp) {
    if (memory.hull_begin[warp] < begin) begin = memory.hull_begin[warp];
    if (memory.hull_end[warp] > end) end = memory.hull_end[warp];
  }
  return {begin < end ? begin / kKeys<kDim> * kKeys<kDim> : 0, end};
}

// What a warp has summed so far; a thread has four rows.
template <int kDim>
struct Sums {
  float o[kRowTiles][kDim / 8][4] = {};
  float max[kRowTiles][2];
  float sum[kRowTiles][2] = {};  // of this thread's keys
};

template <int kDim>
using Scores = float[kRowTiles][kKeyTiles<kDim>][4];

template <int kDim>
__device__ __forceinline__ void ComputeScores(const Memory<kDim>& memory,
                                              Scores<kDim>& s) {
  using Tile = MmaTile<kDim>;
  const int row0 = threadIdx.x / kWarp * kWarpQueries;
#pragma unroll
  for (int t = 0; t < kRowTiles; ++t) {
#pragma unroll
    for (int n = 0; n < kKeyTiles<kDim>; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) s[t][n][i] = 0;
    }
  }
#pragma unroll
  for (int step = 0; step < kDim / 16; ++step) {
    uint32_t q[kRowTiles][4];
#pragma unroll
    for (int t = 0; t < kRowTiles; ++t) {
      Tile::LoadLeft(q[t], memory.q, row0 + 16 * t, step);
    }
#pragma unroll
    for (int n = 0; n < kKeyTiles<kDim>; n += 2) {
      uint32_t k[4];
      Tile::LoadRows(k, memory.k, 8 * n, step);
#pragma unroll
      for (int t = 0; t < kRowTiles; ++t) {
        MultiplyAdd(s[t][n], q[t], k[0], k[1]);
        MultiplyAdd(s[t][n + 1], q[t], k[2], k[3]);
      }
    }
  }
}

template <bool kCog>
__device__ __forceinline__ float Magnitude(float score) {
  return kCog ? fabsf(score) : score;
}

// The visible keys of a row of this thread, relative to the tile's first.
struct RowMask {
  template <int kDim>
  __device__ __forceinline__ RowMask(const Memory<kDim>& memory, int t,
                                     int half, int64_t key0) {
    const int row = threadIdx.x / kWarp * kWarpQueries + 16 * t + 8 * half +
                    threadIdx.x % kWarp / 4;
    begin = memory.begin[row] - static_cast<int>(key0);
    end = memory.end[row] - static_cast<int>(key0);
  }
  // Element i of result tile n.
  __device__ __forceinline__ bool Sees(int n, int i) const {
    const int key = 8 * n + threadIdx.x % 4 * 2 + i % 2;
    return key >= begin && key < end;
  }
  int begin, end;
};

// The largest of this thread's scores of one row, half 0 or 1 of a row tile.
template <int kDim, bool kCog, bool kMasked>
__device__ __forceinline__ float LargestOfRow(
    const Memory<kDim>& memory, int64_t key0, int t, int half,
    const float (&s)[kKeyTiles<kDim>][4], float at_least) {
  [[maybe_unused]] const RowMask mask(memory, t, half, key0);
  float largest = at_least;
#pragma unroll
  for (int n = 0; n < kKeyTiles<kDim>; ++n) {
#pragma unroll
    for (int i = 2 * half; i < 2 * half + 2; ++i) {
      const float x = Magnitude<kCog>(s[n][i]);
      if (!kMasked || mask.Sees(n, i)) largest = fmaxf(largest, x);
    }
  }
  return largest;
}

// The scores of one row become signed weights.
template <int kDim, bool kCog, bool kMasked>
__device__ __forceinline__ void WeighRow(const Memory<kDim>& memory,
                                         int64_t key0, int t, int half,
                                         float scale, float max,
                                         float (&s)[kKeyTiles<kDim>][4],
                                         float& sum) {
  [[maybe_unused]] const RowMask mask(memory, t, half, key0);
  const float shift = -max * scale - (kCog ? 40 : 0);
#pragma unroll
  for (int n = 0; n < kKeyTiles<kDim>; ++n) {
#pragma unroll
    for (int i = 2 * half; i < 2 * half + 2; ++i) {
      const float score = s[n][i];
      float exponent = fmaf(Magnitude<kCog>(score), scale, shift);
      // The exponent is masked, not the score: |-infinity| is infinity.
      if (kMasked && !mask.Sees(n, i)) exponent = -INFINITY;
      const float w = Exp2(exponent);
      sum += w;
      s[n][i] = kCog ? SignedMin(w, score) : w;
    }
  }
}

// New maxima of a row tile, from the largest scores of each thread, and what
// was summed before corrected for them.
template <int kDim>
__device__ __forceinline__ void RaiseMaxima(float scale,
                                            const float (&largest)[2], int t,
                                            Sums<kDim>& sums) {
  float correction[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float max = QuadReduce(largest[half], Max());
    correction[half] = Exp2((sums.max[t][half] - max) * scale);
    sums.max[t][half] = max;
    sums.sum[t][half] *= correction[half];
  }
#pragma unroll
  for (int d = 0; d < kDim / 8; ++d) {
#pragma unroll
    for (int i = 0; i < 4; ++i) sums.o[t][d][i] *= correction[i / 2];
  }
}

template <int kDim, bool kCog, bool kMasked>
__device__ __forceinline__ void Weigh(const Memory<kDim>& memory, int64_t key0,
                                      float scale, Scores<kDim>& s,
                                      Sums<kDim>& sums) {
#pragma unroll
  for (int t = 0; t < kRowTiles; ++t) {
    float largest[2];
    bool exceeds = false;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float before = sums.max[t][half];
      largest[half] = LargestOfRow<kDim, kCog, kMasked>(memory, key0, t, half,
                                                        s[t], before);
      exceeds |= largest[half] > before;
    }
    if (__ballot_sync(kAllLanes, exceeds) != 0) {
      RaiseMaxima(scale, largest, t, sums);
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      WeighRow<kDim, kCog, kMasked>(memory, key0, t, half, scale,
                                    sums.max[t][half], s[t], sums.sum[t][half]);
    }
  }
}

// o += a v. The result tiles of two times eight keys are, as they lie in
// registers, the left operand of 16 keys.
template <int kDim>
__device__ __forceinline__ void AddValues(const Memory<kDim>& memory,
                                          const Scores<kDim>& a,
                                          Sums<kDim>& sums) {
#pragma unroll
  for (int step = 0; step < kKeys<kDim> / 16; ++step) {
    uint32_t left[kRowTiles][4];
#pragma unroll
    for (int t = 0; t < kRowTiles; ++t) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float(&tile)[4] = a[t][2 * step + i / 2];
        left[t][i] = PackBf16(tile[i % 2 * 2], tile[i % 2 * 2 + 1]);
      }
    }
#pragma unroll
    for (int d = 0; d < kDim / 8; d += 2) {
      uint32_t v[4];
      MmaTile<kDim>::LoadColumns(v, memory.v, d, step);
#pragma unroll
      for (int t = 0; t < kRowTiles; ++t) {
        MultiplyAdd(sums.o[t][d], left[t], v[0], v[1]);
        MultiplyAdd(sums.o[t][d + 1], left[t], v[2], v[3]);
      }
    }
  }
}

// o = sums / sum, by way of this warp's rows of q's tile where the type is
// bfloat16, so that rows are stored in wide accesses.
template <int kDim, bool kCog>
__device__ __forceinline__ void StoreRows(const AttentionForwardLaunch& args,
                                          const BlockPlace& place,
                                          Sums<kDim>& sums) {
  using Tile = MmaTile<kDim>;
  const AttentionProblem& p = args.problem;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const int64_t b = ResultOf(p, place.b);
  const bool wide = args.o.type == ElementType::kBFloat16;
#pragma unroll
  for (int t = 0; t < kRowTiles; ++t) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int in_tile = warp * kWarpQueries + 16 * t + 8 * half + lane / 4;
      const int64_t row = place.first + in_tile;
      const float sum = QuadReduce(sums.sum[t][half], Add());
      const float factor = sum == 0 ? 0 : 1 / sum;
      if (lane % 4 == 0 && row < p.q_len) {
        const float max = sums.max[t][half] * p.scale;
        At(args.lse, b, place.head, row) =
            sum == 0 ? -INFINITY : max + logf(sum) + (kCog ? 40 * kLn2 : 0);
      }
#pragma unroll
      for (int d = 0; d < kDim / 8; ++d) {
        const float x = sums.o[t][d][2 * half] * factor;
        const float y = sums.o[t][d][2 * half + 1] * factor;
        if (wide) {
          unsigned char* const to = SharedArena() + Tile::At(in_tile, d);
          reinterpret_cast<uint32_t*>(to)[lane % 4] = PackBf16(x, y);
        } else if (row < p.q_len) {
          float* const to = static_cast<float*>(args.o.data) +
                            b * args.o.batch_stride + row * args.o.row_stride +
                            place.head * args.o.head_stride + 8 * d;
          to[lane % 4 * 2] = x;
          to[lane % 4 * 2 + 1] = y;
        }
      }
    }
  }
  if (!wide) return;
  __syncwarp();  // rows are stored by others than who computed them
#pragma unroll
  for (int i = 0; i < kWarpQueries * Tile::kChunks / kWarp; ++i) {
    const int at = i * kWarp + lane;
    const int in_tile = warp * kWarpQueries + at / Tile::kChunks;
    const int chunk = at % Tile::kChunks;
    const int64_t row = place.first + in_tile;
    if (row >= p.q_len) continue;
    Bf16* const to = static_cast<Bf16*>(args.o.data) + b * args.o.batch_stride +
                     row * args.o.row_stride + place.head * args.o.head_stride +
                     chunk * 8;
    Store16(to, Load16(SharedArena() + Tile::At(in_tile, chunk)));
  }
}

template <int kDim, bool kCog>
__global__ void __launch_bounds__(kThreads)
    AttentionMmaForwardKernel(AttentionForwardLaunch args) {
  using Tile = MmaTile<kDim>;
  const AttentionProblem& p = args.problem;
  const Memory<kDim> memory;
  const BlockPlace place =
      PlaceOf<kQueries, TileOrder::kLastFirst>(p.q_len, p.heads);
  const int64_t kv_head = place.head / GroupOf(p);
  const float scale = p.scale * kLog2E;
  const auto rows_of = [&place](const HeadsView& view, int64_t head) {
    return static_cast<const Bf16*>(view.data) + place.b * view.batch_stride +
           head * view.head_stride;
  };
  const Bf16* const k = rows_of(args.k, kv_head);
  const Bf16* const v = rows_of(args.v, kv_head);
  const auto copy_tile = [&](uint32_t to, const Bf16* from, int64_t stride,
                             int64_t key0) {
    Tile::template CopyRows<kKeys<kDim>, kThreads>(to, from + key0 * stride,
                                                   stride, p.kv_len - key0);
    CommitCopies();
  };

  const WarpKeys mine = FindKeys(p, place.b, place.first, memory);
  __syncthreads();
  const KeyRange keys = SplitOf<kKeys<kDim>>(BlockKeys(memory));
  Tile::template CopyRows<kQueries, kThreads>(
      memory.q, rows_of(args.q, place.head) + place.first * args.q.row_stride,
      args.q.row_stride, p.q_len - place.first);
  CommitCopies();
  if (keys.begin < keys.end) {
    copy_tile(memory.k, k, args.k.row_stride, keys.begin);
  }
  Sums<kDim> sums;
#pragma unroll
  for (int t = 0; t < kRowTiles; ++t) {
    // |p| is never below 0. For softmax, less than any score, but finite, so
    // that differences are numbers.
    sums.max[t][0] = sums.max[t][1] = kCog ? 0 : -1e30f;
  }
  const int key_end = static_cast<int>(keys.end);
  for (int key0 = static_cast<int>(keys.begin); key0 < key_end;
       key0 += kKeys<kDim>) {
    WaitForCopies<0>();
    __syncthreads();  // this tile's keys are there, the last one's values used
    copy_tile(memory.v, v, args.v.row_stride, key0);
    const bool seen =
        key0 < mine.hull_end && key0 + kKeys<kDim> > mine.hull_begin;
    const bool whole =
        key0 >= mine.core_begin && key0 + kKeys<kDim> <= mine.core_end;
    Scores<kDim> s;
    if (seen) ComputeScores(memory, s);
    WaitForCopies<0>();
    __syncthreads();  // its values are there, its keys used
    if (key0 + kKeys<kDim> < key_end) {
      copy_tile(memory.k, k, args.k.row_stride, key0 + kKeys<kDim>);
    }
    if (!seen) continue;
    if (whole) {
      Weigh<kDim, kCog, false>(memory, key0, scale, s, sums);
    } else {
      Weigh<kDim, kCog, true>(memory, key0, scale, s, sums);
    }
    AddValues(memory, s, sums);
  }
  WaitForCopies<0>();
  __syncthreads();  // where there is no tile of keys, q is only now there
  StoreRows<kDim, kCog>(args, place, sums);
}

template <int kDim>
void LaunchDim(GpuStream stream, const AttentionForwardLaunch& args) {
  const AttentionProblem& p = args.problem;
  const LaunchShape shape = {
      .grid = {AttentionBlocks(p, p.q_len, kQueries, p.heads),
               static_cast<unsigned>(args.splits)},
      .block = kThreads,
      .shared_bytes = Memory<kDim>::kBytes};
  if (p.cog) {
    Launch(stream, shape, &AttentionMmaForwardKernel<kDim, true>, args);
  } else {
    Launch(stream, shape, &AttentionMmaForwardKernel<kDim, false>, args);
  }
}

}  // namespace

void LaunchAttentionForwardMma(GpuStream stream,
                               const AttentionForwardLaunch& args) {
  if (args.problem.batch * args.problem.q_len == 0) return;
  if (args.problem.head_dim == 64) {
    LaunchDim<64>(stream, WithResultsOfSplits(args));
  } else {
    LaunchDim<128>(stream, WithResultsOfSplits(args));
  }
  LaunchAttentionMergeSplits(stream, args);
}

}  // namespace cogdist::cuda
