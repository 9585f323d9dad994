// Two kernels beside each other, so that no sum depends on the order of blocks:
// one owns tiles of queries and sums dq over keys, the other owns tiles of keys
// and sums dk and dv over the queries of all heads that share them.

#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/device/attention_mask.cuh"
#include "kernels/cuda/device/attention_place.cuh"
#include "kernels/cuda/device/attention_tile.cuh"
#include "kernels/cuda/device/attention_views.cuh"
#include "kernels/cuda/device/reduce.cuh"
#include "kernels/cuda/shared_memory.h"

namespace cogdist::cuda {
namespace {

template <int kChunks>
struct BackwardMemory {
  static constexpr int kFloats =
      4 * TileShape<kChunks>::kFloats + 2 * kTile * kTile + 2 * kTile;

  __device__ __forceinline__ BackwardMemory()
      : q(reinterpret_cast<float*>(SharedArena())),
        k(q + TileShape<kChunks>::kFloats),
        v(k + TileShape<kChunks>::kFloats),
        d_o(v + TileShape<kChunks>::kFloats),
        a(d_o + TileShape<kChunks>::kFloats),
        dp(a + kTile * kTile),
        lse(dp + kTile * kTile),
        delta(lse + kTile) {}

  static_assert(AttentionBackwardSharedBytes(TileShape<kChunks>::kDim) ==
                kFloats * sizeof(float));

  float *q, *k, *v, *d_o;  // tiles
  float *a, *dp;           // [kTile, kTile], a warp's rows together
  float *lse, *delta;      // [kTile]
};

__device__ __forceinline__ int64_t Statistic(const AttentionProblem& p,
                                             int64_t b, int64_t head,
                                             int64_t row) {
  return (b * p.heads + head) * p.q_len + row;
}

// One score: a = sign(p) w and dp = w g - a delta, 0 where Cog's p is 0.
struct ScoreGradient {
  __device__ __forceinline__ ScoreGradient(const AttentionProblem& problem,
                                           bool sees, float score, float g,
                                           float lse, float delta) {
    const float p = score * problem.scale;
    const float x = problem.cog ? fabsf(p) : p;
    const float w = sees ? Exp2((x - lse) * kLog2E) : 0;
    a = Signed(problem.cog, p, w);
    dp = problem.cog ? fabsf(a) * g - a * delta : w * (g - delta);
  }
  float a, dp;
};

constexpr int kDeltaRows = kTileThreads / kWarp;  // of a block

// delta_i = do_i . o_i: a warp a row.
template <typename T>
__global__ void __launch_bounds__(kTileThreads, 1)
    AttentionDeltaKernel(AttentionBackwardLaunch args) {
  const AttentionProblem& p = args.problem;
  const int lane = threadIdx.x % kWarp;
  const auto [b, head, first] =
      PlaceOf<kDeltaRows, TileOrder::kFirstFirst>(p.q_len, p.heads);
  const int64_t row = first + threadIdx.x / kWarp;
  if (row >= p.q_len) return;  // the whole warp
  float sum = 0;
  for (int64_t d = lane; d < p.head_dim; d += kWarp) {
    const float o = args.o.type == ElementType::kFloat32
                        ? RowOf<float>(args.o, b, row, head)[d]
                        : ToFloat(RowOf<Bf16>(args.o, b, row, head)[d]);
    sum += o * ToFloat(RowOf<T>(args.d_o, b, row, head)[d]);
  }
  sum = WarpReduce(sum, Add());
  if (lane == 0) args.delta[Statistic(p, b, head, row)] = sum;
}

template <typename T, int kChunks>
__device__ __forceinline__ void LoadQueries(const AttentionBackwardLaunch& args,
                                            int64_t b, int64_t head,
                                            int64_t first,
                                            const BackwardMemory<kChunks>& to) {
  const AttentionProblem& p = args.problem;
  LoadTile<T, kChunks>(args.q, b, head, first, p.q_len, p.head_dim, to.q);
  LoadTile<T, kChunks>(args.d_o, b, head, first, p.q_len, p.head_dim, to.d_o);
  if (threadIdx.x < kTile) {
    const int64_t row = first + threadIdx.x;
    const bool inside = row < p.q_len;
    const int64_t at = Statistic(p, b, head, row);
    to.lse[threadIdx.x] = inside ? At(args.lse, b, head, row) : 0;
    to.delta[threadIdx.x] = inside ? args.delta[at] : 0;
  }
}

template <typename T, int kChunks>
__device__ __forceinline__ void LoadKeys(const AttentionBackwardLaunch& args,
                                         int64_t b, int64_t kv_head,
                                         int64_t first,
                                         const BackwardMemory<kChunks>& to) {
  const AttentionProblem& p = args.problem;
  LoadTile<T, kChunks>(args.k, b, kv_head, first, p.kv_len, p.head_dim, to.k);
  LoadTile<T, kChunks>(args.v, b, kv_head, first, p.kv_len, p.head_dim, to.v);
}

// Rows of a tile from a warp's sums, times `factor`.
template <int kChunks>
__device__ __forceinline__ void StoreSums(
    const HeadsView& to, int64_t b, int64_t head, int64_t row0, int64_t length,
    int64_t head_dim, float factor, const float (&sums)[kWarpRows][kChunks]) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) {
    if (row0 + r >= length) continue;
#pragma unroll
    for (int c = 0; c < kChunks; ++c) {
      const int d = lane + c * kWarp;
      if (d < head_dim) {
        StoreAs(to, b, row0 + r, head, d, sums[r][c] * factor);
      }
    }
  }
}

template <typename T, int kChunks>
__global__ void __launch_bounds__(kTileThreads, 1)
    AttentionQueryGradientKernel(AttentionBackwardLaunch args) {
  const AttentionProblem& p = args.problem;
  const BackwardMemory<kChunks> memory;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const int row0 = warp * kWarpRows;
  const auto [b, head, first] =
      PlaceOf<kTile, TileOrder::kLastFirst>(p.q_len, p.heads);
  const int64_t kv_head = head / GroupOf(p);

  LoadQueries<T, kChunks>(args, b, head, first, memory);
  KeyRange visible[kWarpRows];
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) {
    visible[r] = VisibleKeys(p, b, first + row0 + r);
  }
  const KeyRange keys = Hull(VisibleKeys(p, b, first + lane));
  float dq[kWarpRows][kChunks] = {};
  float* const dp = memory.dp + row0 * kTile;
  for (int64_t key0 = keys.begin; key0 < keys.end; key0 += kTile) {
    __syncthreads();  // the last tile has been used
    LoadKeys<T, kChunks>(args, b, kv_head, key0, memory);
    __syncthreads();
    float scores[kWarpRows], g[kWarpRows];
    Products<kChunks>(memory.q, memory.k, row0, scores);
    Products<kChunks>(memory.d_o, memory.v, row0, g);
#pragma unroll
    for (int r = 0; r < kWarpRows; ++r) {
      dp[r * kTile + lane] =
          ScoreGradient(p, visible[r].Has(key0 + lane), scores[r], g[r],
                        memory.lse[row0 + r], memory.delta[row0 + r])
              .dp;
    }
    __syncwarp();  // lanes read each other's gradients
    AddWeighted<kChunks>(dp, memory.k, dq);
  }
  StoreSums(args.dq, b, head, first + row0, p.q_len, p.head_dim, p.scale, dq);
}

template <typename T, int kChunks>
__global__ void __launch_bounds__(kTileThreads, 1)
    AttentionKeyGradientKernel(AttentionBackwardLaunch args) {
  const AttentionProblem& p = args.problem;
  const BackwardMemory<kChunks> memory;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const int row0 = warp * kWarpRows;
  const auto [b, kv_head, key0] =
      PlaceOf<kTile, TileOrder::kFirstFirst>(p.kv_len, p.kv_heads);
  const int group = GroupOf(p);
  const int head0 = static_cast<int>(kv_head) * group;
  const Sight sight = QueriesOfKeys<kTile>(p, b, key0);

  LoadKeys<T, kChunks>(args, b, kv_head, key0, memory);
  float dk[kWarpRows][kChunks] = {}, dv[kWarpRows][kChunks] = {};
  float* const a = memory.a + row0 * kTile;
  float* const dp = memory.dp + row0 * kTile;
  for (int head = head0; head < head0 + group; ++head) {
    for (int first = sight.FirstTile<kTile>(); first < sight.end;
         first += kTile) {
      const KeyRange visible = VisibleKeys(p, b, first + lane);
      __syncthreads();  // the last tile has been used
      LoadQueries<T, kChunks>(args, b, head, first, memory);
      __syncthreads();
      float scores[kWarpRows], g[kWarpRows];
      Products<kChunks>(memory.k, memory.q, row0, scores);
      Products<kChunks>(memory.v, memory.d_o, row0, g);
#pragma unroll
      for (int r = 0; r < kWarpRows; ++r) {
        const ScoreGradient gradient(p, visible.Has(key0 + row0 + r), scores[r],
                                     g[r], memory.lse[lane],
                                     memory.delta[lane]);
        a[r * kTile + lane] = gradient.a;
        dp[r * kTile + lane] = gradient.dp;
      }
      __syncwarp();  // lanes read each other's
      AddWeighted<kChunks>(a, memory.d_o, dv);
      AddWeighted<kChunks>(dp, memory.q, dk);
    }
  }
  StoreSums(args.dk, b, kv_head, key0 + row0, p.kv_len, p.head_dim, p.scale,
            dk);
  StoreSums(args.dv, b, kv_head, key0 + row0, p.kv_len, p.head_dim, 1.0f, dv);
}

}  // namespace

void LaunchAttentionDelta(GpuStream stream,
                          const AttentionBackwardLaunch& args) {
  const AttentionProblem& p = args.problem;
  if (p.q_len == 0) return;
  DispatchElement(args.q.type, [&]<typename T>(T) {
    Launch(stream,
           {.grid = AttentionBlocks(p, p.q_len, kDeltaRows, p.heads),
            .block = kTileThreads},
           &AttentionDeltaKernel<T>, args);
  });
}

void LaunchAttentionBackwardSimt(GpuStream stream,
                                 const AttentionBackwardLaunch& args) {
  const AttentionProblem& p = args.problem;
  if (p.batch == 0) return;
  LaunchAttentionDelta(stream, args);
  DispatchElement(args.q.type, [&]<typename T>(T) {
    DispatchChunks(p.head_dim, [&]<int kChunks>(Constant<kChunks>) {
      LaunchShape shape = {
          .block = kTileThreads,
          .shared_bytes = BackwardMemory<kChunks>::kFloats * sizeof(float)};
      if (p.q_len > 0) {
        shape.grid = AttentionBlocks(p, p.q_len, kTile, p.heads);
        Launch(stream, shape, &AttentionQueryGradientKernel<T, kChunks>, args);
      }
      if (p.kv_len > 0) {
        shape.grid = AttentionBlocks(p, p.kv_len, kTile, p.kv_heads);
        Launch(stream, shape, &AttentionKeyGradientKernel<T, kChunks>, args);
      }
    });
  });
}

}  // namespace cogdist::cuda
