// The backward pass in bfloat16 on tensor cores. A block owns 64 queries, for
// dq, or 64 keys, for dk and dv: 16 a warp. Tiles of the others go by in two
// stages, the next one copied while one is used. Both kernels recompute the
// scores, which costs seven products instead of five, but no sum depends on the
// order of blocks and nothing is kept beside the results.
//
// With x, y the owned and the other side (q and k, or k and q; do and v, or v
// and do): s = x1 y1^T, g = x2 y2^T; then dx1 += ds y1, and dv += a do. Weights
// carry a factor 2^-40 for the exact sign(0) = 0 (attention_mma_forward.cu),
// which the factors of the results undo.

#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/device/attention_mask.cuh"
#include "kernels/cuda/device/attention_place.cuh"
#include "kernels/cuda/device/attention_views.cuh"
#include "kernels/cuda/device/mma_tile.cuh"

namespace cogdist::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;
constexpr int kWarpRows = 16;
constexpr int kOwned = kWarps * kWarpRows;
constexpr int kStages = 2;
constexpr float kLog2E = 1.4426950408889634f;

// Rows of the other side in a tile: as many as registers allow.
template <int kDim>
constexpr int kOthers = kDim == 64 ? 64 : 32;

// What is known of a query.
struct QueryStatistics {
  int begin, end;  // its keys
  float shift;     // log2(e) lse, and 40 for Cog: w' = 2^(|p| log2(e) - shift)
  float delta;
};

// Shared memory of a block.
template <int kDim>
struct Memory {
  static constexpr int kOwnedBytes = kOwned * kDim * 2;
  static constexpr int kOtherBytes = kOthers<kDim> * kDim * 2;
  static constexpr int kStatisticsAt =
      2 * kOwnedBytes + 2 * kStages * kOtherBytes;
  static constexpr int kBytes =
      kStatisticsAt + kStages * kOwned * sizeof(QueryStatistics);

  __device__ __forceinline__ Memory()
      : base(SharedAddress(SharedArena())),
        queries(reinterpret_cast<QueryStatistics*>(SharedArena() +
                                                   kStatisticsAt)) {}
  // Tiles of the owned side, which is 0 or 1.
  __device__ __forceinline__ uint32_t Owned(int side) const {
    return base + side * kOwnedBytes;
  }
  __device__ __forceinline__ uint32_t Other(int stage, int side) const {
    return base + 2 * kOwnedBytes + (2 * stage + side) * kOtherBytes;
  }
  // Statistics of a tile of other queries; of the owned ones in stage 0.
  __device__ __forceinline__ QueryStatistics* Queries(int stage) const {
    return queries + stage * kOwned;
  }

  uint32_t base;
  QueryStatistics* queries;  // [kStages, kOwned]
};

__device__ __forceinline__ const Bf16* RowsOf(const HeadsView& view, int64_t b,
                                              int64_t head, int64_t first) {
  return static_cast<const Bf16*>(view.data) + b * view.batch_stride +
         head * view.head_stride + first * view.row_stride;
}

// By threads 0 to count - 1. Queries beyond the end have weights of 0.
template <bool kCog>
__device__ __forceinline__ void LoadStatistics(
    const AttentionBackwardLaunch& args, int64_t b, int64_t head, int64_t first,
    int count, QueryStatistics* to) {
  const AttentionProblem& p = args.problem;
  if (static_cast<int>(threadIdx.x) >= count) return;
  const int64_t row = first + threadIdx.x;
  const KeyRange range = VisibleKeys(p, b, row);
  QueryStatistics q = {static_cast<int>(range.begin),
                       static_cast<int>(range.end), INFINITY, 0};
  if (row < p.q_len) {
    q.shift = At(args.lse, b, head, row) * kLog2E + (kCog ? 40 : 0);
    q.delta = args.delta[(b * p.heads + head) * p.q_len + row];
  }
  to[threadIdx.x] = q;
}

// Walks over the tiles of the other side that the owned one has to do with:
// keys of one head, or queries of all heads of a group.
template <int kDim, bool kOwnsKeys>
struct Walk {
  __device__ __forceinline__ explicit Walk(const AttentionProblem& problem)
      : p(problem),
        place(
            kOwnsKeys
                ? PlaceOf<kOwned, TileOrder::kFirstFirst>(p.kv_len, p.kv_heads)
                : PlaceOf<kOwned, TileOrder::kLastFirst>(p.q_len, p.heads)),
        sight(kOwnsKeys ? QueriesOfKeys<kOwned>(p, place.b, place.first)
                        : KeysOfQueries<kOwned>(p, place.b, place.first)) {
    const int group = GroupOf(p);
    const int owned = static_cast<int>(place.head);
    head = kOwnsKeys ? owned * group : owned / group;
    head_end = kOwnsKeys ? head + group : head + 1;
    first = sight.template FirstTile<kOthers<kDim>>();
    if (first >= sight.end) head = head_end;
  }
  __device__ __forceinline__ bool AtEnd() const { return head == head_end; }
  __device__ __forceinline__ void Next() {
    first += kOthers<kDim>;
    if (first < sight.end) return;
    first = sight.template FirstTile<kOthers<kDim>>();
    ++head;
  }
  // Is all of the tile seen?
  __device__ __forceinline__ bool IsWhole() const {
    return sight.IsWhole(first, kOthers<kDim>);
  }
  __device__ __forceinline__ int64_t Length() const {
    return kOwnsKeys ? p.q_len : p.kv_len;
  }

  const AttentionProblem& p;
  BlockPlace place;  // the owned tile
  Sight sight;
  int head, head_end, first;  // the tile of the other side
};

// A tile of the other side: two copies, and statistics if it is of queries.
template <int kDim, bool kCog, bool kOwnsKeys>
__device__ __forceinline__ void CopyOthers(const AttentionBackwardLaunch& args,
                                           const Walk<kDim, kOwnsKeys>& walk,
                                           const Memory<kDim>& memory,
                                           int stage) {
  const HeadsView& y1 = kOwnsKeys ? args.q : args.k;
  const HeadsView& y2 = kOwnsKeys ? args.d_o : args.v;
  const auto copy = [&](const HeadsView& view, int side) {
    MmaTile<kDim>::template CopyRows<kOthers<kDim>, kThreads>(
        memory.Other(stage, side),
        RowsOf(view, walk.place.b, walk.head, walk.first), view.row_stride,
        walk.Length() - walk.first);
  };
  copy(y1, 0);
  copy(y2, 1);
  if constexpr (kOwnsKeys) {
    LoadStatistics<kCog>(args, walk.place.b, walk.head, walk.first,
                         kOthers<kDim>, memory.Queries(stage));
  }
}

template <int kColumns>
using Scores = float[kColumns / 8][4];

// products = rows of this warp of the tile x times those of y.
template <int kDim>
__device__ __forceinline__ void Multiply(uint32_t x, uint32_t y,
                                         Scores<kOthers<kDim>>& products) {
  using Tile = MmaTile<kDim>;
  const int row0 = threadIdx.x / kWarp * kWarpRows;
#pragma unroll
  for (int n = 0; n < kOthers<kDim> / 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) products[n][i] = 0;
  }
#pragma unroll
  for (int step = 0; step < kDim / 16; ++step) {
    uint32_t left[4];
    Tile::LoadLeft(left, x, row0, step);
#pragma unroll
    for (int n = 0; n < kOthers<kDim> / 8; n += 2) {
      uint32_t right[4];
      Tile::LoadRows(right, y, 8 * n, step);
      MultiplyAdd(products[n], left, right[0], right[1]);
      MultiplyAdd(products[n + 1], left, right[2], right[3]);
    }
  }
}

// s becomes a', g becomes ds'. `own` are the row's statistics if queries are
// owned, `others` those of the columns if not.
template <int kDim, bool kCog, bool kOwnsKeys, bool kMasked>
__device__ __forceinline__ void WeighScores(
    const AttentionProblem& p, const QueryStatistics* own,
    const QueryStatistics* others, int64_t owned_first, int64_t other_first,
    Scores<kOthers<kDim>>& s, Scores<kOthers<kDim>>& g) {
  const float scale = p.scale * kLog2E;
  const int lane = threadIdx.x % kWarp;
  const int row0 = threadIdx.x / kWarp * kWarpRows + lane / 4;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int row = row0 + 8 * (i / 2);
    [[maybe_unused]] QueryStatistics of_row;
    if constexpr (!kOwnsKeys) of_row = own[row];
#pragma unroll
    for (int n = 0; n < kOthers<kDim> / 8; ++n) {
      const int column = 8 * n + lane % 4 * 2 + i % 2;
      QueryStatistics q;
      if constexpr (kOwnsKeys) {
        q = others[column];
      } else {
        q = of_row;
      }
      const float score = s[n][i];
      float exponent = fmaf(kCog ? fabsf(score) : score, scale, -q.shift);
      if constexpr (kMasked) {
        const int key = static_cast<int>(kOwnsKeys ? owned_first + row
                                                   : other_first + column);
        if (key < q.begin || key >= q.end) exponent = -INFINITY;
      }
      const float w = Exp2(exponent);
      if constexpr (kCog) {
        const float a = SignedMin(w, score);
        s[n][i] = a;
        g[n][i] = fmaf(fabsf(a), g[n][i], -a * q.delta);
      } else {
        s[n][i] = w;
        g[n][i] = w * (g[n][i] - q.delta);
      }
    }
  }
}

// sums += weights y, the weights as they lie in registers.
template <int kDim>
__device__ __forceinline__ void AddProduct(const Scores<kOthers<kDim>>& weights,
                                           uint32_t y,
                                           float (&sums)[kDim / 8][4]) {
#pragma unroll
  for (int step = 0; step < kOthers<kDim> / 16; ++step) {
    uint32_t left[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float(&tile)[4] = weights[2 * step + i / 2];
      left[i] = PackBf16(tile[i % 2 * 2], tile[i % 2 * 2 + 1]);
    }
#pragma unroll
    for (int d = 0; d < kDim / 8; d += 2) {
      uint32_t right[4];
      MmaTile<kDim>::LoadColumns(right, y, d, step);
      MultiplyAdd(sums[d], left, right[0], right[1]);
      MultiplyAdd(sums[d + 1], left, right[2], right[3]);
    }
  }
}

// The rows of this warp, times `factor`.
template <int kDim>
__device__ __forceinline__ void StoreRows(const HeadsView& to, int64_t b,
                                          int64_t head, int64_t first,
                                          int64_t length, float factor,
                                          const float (&sums)[kDim / 8][4]) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int64_t row =
        first + threadIdx.x / kWarp * kWarpRows + 8 * half + lane / 4;
    if (row >= length) continue;
    const int64_t at = b * to.batch_stride + row * to.row_stride +
                       head * to.head_stride + lane % 4 * 2;
#pragma unroll
    for (int d = 0; d < kDim / 8; ++d) {
      const float x = sums[d][2 * half] * factor;
      const float y = sums[d][2 * half + 1] * factor;
      if (to.type == ElementType::kBFloat16) {
        Bf16* const cell = static_cast<Bf16*>(to.data) + at + 8 * d;
        *reinterpret_cast<uint32_t*>(cell) = PackBf16(x, y);
      } else {
        float* const cell = static_cast<float*>(to.data) + at + 8 * d;
        cell[0] = x;
        cell[1] = y;
      }
    }
  }
}

template <int kDim, bool kCog, bool kOwnsKeys>
__device__ __forceinline__ void AddTile(const AttentionBackwardLaunch& args,
                                        const Walk<kDim, kOwnsKeys>& walk,
                                        const Memory<kDim>& memory, int stage,
                                        float (&sums1)[kDim / 8][4],
                                        float (&sums2)[kDim / 8][4]) {
  const AttentionProblem& p = args.problem;
  Scores<kOthers<kDim>> s, g;
  Multiply<kDim>(memory.Owned(0), memory.Other(stage, 0), s);
  Multiply<kDim>(memory.Owned(1), memory.Other(stage, 1), g);
  if (walk.IsWhole()) {
    WeighScores<kDim, kCog, kOwnsKeys, false>(
        p, memory.Queries(0), memory.Queries(stage), walk.place.first,
        walk.first, s, g);
  } else {
    WeighScores<kDim, kCog, kOwnsKeys, true>(
        p, memory.Queries(0), memory.Queries(stage), walk.place.first,
        walk.first, s, g);
  }
  AddProduct<kDim>(g, memory.Other(stage, 0), sums1);
  if constexpr (kOwnsKeys) AddProduct<kDim>(s, memory.Other(stage, 1), sums2);
}

template <int kDim, bool kCog, bool kOwnsKeys>
__global__ void __launch_bounds__(kThreads)
    AttentionMmaBackwardKernel(AttentionBackwardLaunch args) {
  using Tile = MmaTile<kDim>;
  const AttentionProblem& p = args.problem;
  const Memory<kDim> memory;
  Walk<kDim, kOwnsKeys> walk(p);
  const BlockPlace& place = walk.place;
  const int64_t length = kOwnsKeys ? p.kv_len : p.q_len;
  const auto copy_owned = [&](const HeadsView& view, int side) {
    Tile::template CopyRows<kOwned, kThreads>(
        memory.Owned(side), RowsOf(view, place.b, place.head, place.first),
        view.row_stride, length - place.first);
  };
  copy_owned(kOwnsKeys ? args.k : args.q, 0);
  copy_owned(kOwnsKeys ? args.v : args.d_o, 1);
  if constexpr (!kOwnsKeys) {
    LoadStatistics<kCog>(args, place.b, place.head, place.first, kOwned,
                         memory.Queries(0));
  }
  float sums1[kDim / 8][4] = {}, sums2[kDim / 8][4] = {};
  if (!walk.AtEnd()) {
    CopyOthers<kDim, kCog, kOwnsKeys>(args, walk, memory, 0);
  }
  CommitCopies();
  for (int stage = 0; !walk.AtEnd(); stage ^= 1) {
    Walk<kDim, kOwnsKeys> next = walk;
    next.Next();
    if (!next.AtEnd()) {
      CopyOthers<kDim, kCog, kOwnsKeys>(args, next, memory, stage ^ 1);
    }
    CommitCopies();
    WaitForCopies<1>();
    __syncthreads();  // this tile is there
    AddTile<kDim, kCog, kOwnsKeys>(args, walk, memory, stage, sums1, sums2);
    __syncthreads();  // and has been used
    walk.first = next.first;
    walk.head = next.head;
  }
  WaitForCopies<0>();
  constexpr float kUndo = kCog ? 0x1p40f : 1;
  StoreRows<kDim>(kOwnsKeys ? args.dk : args.dq, place.b, place.head,
                  place.first, length, p.scale * kUndo, sums1);
  if constexpr (kOwnsKeys) {
    StoreRows<kDim>(args.dv, place.b, place.head, place.first, length, kUndo,
                    sums2);
  }
}

template <int kDim, bool kCog>
void LaunchBoth(GpuStream stream, const AttentionBackwardLaunch& args) {
  const AttentionProblem& p = args.problem;
  LaunchShape shape = {.block = kThreads, .shared_bytes = Memory<kDim>::kBytes};
  if (p.q_len > 0) {
    shape.grid = AttentionBlocks(p, p.q_len, kOwned, p.heads);
    Launch(stream, shape, &AttentionMmaBackwardKernel<kDim, kCog, false>, args);
  }
  if (p.kv_len > 0) {
    shape.grid = AttentionBlocks(p, p.kv_len, kOwned, p.kv_heads);
    Launch(stream, shape, &AttentionMmaBackwardKernel<kDim, kCog, true>, args);
  }
}

}  // namespace

void LaunchAttentionBackwardMma(GpuStream stream,
                                const AttentionBackwardLaunch& args) {
  const AttentionProblem& p = args.problem;
  if (p.batch == 0) return;
  LaunchAttentionDelta(stream, args);
  if (p.head_dim == 64) {
    p.cog ? LaunchBoth<64, true>(stream, args)
          : LaunchBoth<64, false>(stream, args);
  } else {
    p.cog ? LaunchBoth<128, true>(stream, args)
          : LaunchBoth<128, false>(stream, args);
  }
}

}  // namespace cogdist::cuda
