// A block a tile of queries of one head; tiles of keys go by, with a running
// maximum and sum of each row (Milakov and Gimelshein, "Online normalizer
// calculation for softmax", 2018).

#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/attention_split.h"
#include "kernels/cuda/device/attention_mask.cuh"
#include "kernels/cuda/device/attention_place.cuh"
#include "kernels/cuda/device/attention_split.cuh"
#include "kernels/cuda/device/attention_tile.cuh"
#include "kernels/cuda/device/attention_views.cuh"
#include "kernels/cuda/device/reduce.cuh"
#include "kernels/cuda/shared_memory.h"

namespace cogdist::cuda {
namespace {

template <int kChunks>
struct ForwardMemory {
  static constexpr int kFloats =
      3 * TileShape<kChunks>::kFloats + kTile * kTile;

  __device__ __forceinline__ ForwardMemory()
      : q(reinterpret_cast<float*>(SharedArena())),
        k(q + TileShape<kChunks>::kFloats),
        v(k + TileShape<kChunks>::kFloats),
        weights(v + TileShape<kChunks>::kFloats) {}

  static_assert(AttentionForwardSharedBytes(TileShape<kChunks>::kDim) ==
                kFloats * sizeof(float));

  float *q, *k, *v;
  float* weights;  // [kTile, kTile]
};

// Rows of one warp so far.
template <int kChunks>
struct RowSums {
  float o[kWarpRows][kChunks] = {};
  float max[kWarpRows];
  float sum[kWarpRows] = {};
};

// One tile of scores, whose `p` is 0 where masked: weights to shared memory.
template <int kChunks>
__device__ __forceinline__ void AddTile(const AttentionProblem& problem,
                                        const float (&p)[kWarpRows],
                                        const KeyRange (&visible)[kWarpRows],
                                        int64_t key, float* weights,
                                        RowSums<kChunks>& rows) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) {
    const bool sees = visible[r].Has(key);
    const float x = problem.cog ? fabsf(p[r]) : p[r];
    const float max =
        fmaxf(rows.max[r], WarpReduce(sees ? x : -INFINITY, Max()));
    // A row that has seen nothing yet has nothing to correct.
    const bool nothing = max == -INFINITY;
    const float correction = nothing ? 1 : Exp2((rows.max[r] - max) * kLog2E);
    const float w = sees ? Exp2((x - max) * kLog2E) : 0;
    rows.max[r] = max;
    rows.sum[r] = rows.sum[r] * correction + WarpReduce(w, Add());
#pragma unroll
    for (int c = 0; c < kChunks; ++c) rows.o[r][c] *= correction;
    weights[r * kTile + lane] = Signed(problem.cog, p[r], w);
  }
}

template <int kChunks>
__device__ __forceinline__ void StoreRows(const AttentionForwardLaunch& args,
                                          int64_t b, int64_t head, int64_t row0,
                                          const RowSums<kChunks>& rows) {
  const AttentionProblem& p = args.problem;
  const int lane = threadIdx.x % kWarp;
  const int64_t to = ResultOf(p, b);
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) {
    const int64_t row = row0 + r;
    if (row >= p.q_len) continue;
    const bool nothing = rows.sum[r] == 0;
    const float factor = nothing ? 0 : 1 / rows.sum[r];
#pragma unroll
    for (int c = 0; c < kChunks; ++c) {
      const int d = lane + c * kWarp;
      if (d < p.head_dim) {
        StoreAs(args.o, to, row, head, d, rows.o[r][c] * factor);
      }
    }
    if (lane == 0) {
      At(args.lse, to, head, row) =
          nothing ? -INFINITY : rows.max[r] + logf(rows.sum[r]);
    }
  }
}

template <typename T, int kChunks>
__global__ void __launch_bounds__(kTileThreads, 1)
    AttentionForwardKernel(AttentionForwardLaunch args) {
  const AttentionProblem& p = args.problem;
  const ForwardMemory<kChunks> memory;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const int row0 = warp * kWarpRows;  // in the tile
  const auto [b, head, first] =
      PlaceOf<kTile, TileOrder::kLastFirst>(p.q_len, p.heads);
  const int64_t kv_head = head / GroupOf(p);

  LoadTile<T, kChunks>(args.q, b, head, first, p.q_len, p.head_dim, memory.q);
  KeyRange visible[kWarpRows];
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) {
    visible[r] = VisibleKeys(p, b, first + row0 + r);
  }
  const KeyRange keys = SplitOf<kTile>(Hull(VisibleKeys(p, b, first + lane)));
  RowSums<kChunks> rows;
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) rows.max[r] = -INFINITY;
  float* const weights = memory.weights + row0 * kTile;
  for (int64_t key0 = keys.begin; key0 < keys.end; key0 += kTile) {
    __syncthreads();  // the last tile has been used
    LoadTile<T, kChunks>(args.k, b, kv_head, key0, p.kv_len, p.head_dim,
                         memory.k);
    LoadTile<T, kChunks>(args.v, b, kv_head, key0, p.kv_len, p.head_dim,
                         memory.v);
    __syncthreads();
    float scores[kWarpRows];
    Products<kChunks>(memory.q, memory.k, row0, scores);
#pragma unroll
    for (int r = 0; r < kWarpRows; ++r) scores[r] *= p.scale;
    AddTile(p, scores, visible, key0 + lane, weights, rows);
    __syncwarp();  // lanes read each other's weights
    AddWeighted<kChunks>(weights, memory.v, rows.o);
  }
  StoreRows(args, b, head, first + row0, rows);
}

constexpr int kMergeThreads = 128;

// exp(lse - the larger one) of both parts, 0 where neither has seen a key.
struct MergeWeights {
  __device__ __forceinline__ MergeWeights(float lse, float other_lse)
      : max(fmaxf(lse, other_lse)) {
    if (max == -INFINITY) return;
    mine = Exp2((lse - max) * kLog2E);
    theirs = Exp2((other_lse - max) * kLog2E);
    factor = 1 / (mine + theirs);
  }

  float max, mine = 0, theirs = 0, factor = 0;
};

// A block a row of all heads.
__global__ void __launch_bounds__(kMergeThreads)
    AttentionMergeKernel(AttentionMergeLaunch args) {
  const int64_t b = blockIdx.x / args.q_len, row = blockIdx.x % args.q_len;
  const int head_dim = static_cast<int>(args.head_dim);
  const int hidden = static_cast<int>(args.heads) * head_dim;
  for (int i = threadIdx.x; i < hidden; i += kMergeThreads) {
    const int head = i / head_dim, d = i % head_dim;
    const MergeWeights w(At(args.lse, b, head, row),
                         At(args.other_lse, b, head, row));
    float& o = RowOf<float>(args.o, b, row, head)[d];
    const float other = RowOf<float>(args.other_o, b, row, head)[d];
    o = (w.mine * o + w.theirs * other) * w.factor;
  }
  __syncthreads();  // all have read the statistics
  for (int64_t head = threadIdx.x; head < args.heads; head += kMergeThreads) {
    float& lse = At(args.lse, b, head, row);
    const MergeWeights w(lse, At(args.other_lse, b, head, row));
    if (w.max != -INFINITY) lse = w.max + logf(w.mine + w.theirs);
  }
}

}  // namespace

void LaunchAttentionForwardSimt(GpuStream stream,
                                const AttentionForwardLaunch& args) {
  const AttentionProblem& p = args.problem;
  if (p.batch * p.q_len == 0) return;
  DispatchElement(args.q.type, [&]<typename T>(T) {
    DispatchChunks(p.head_dim, [&]<int kChunks>(Constant<kChunks>) {
      Launch(stream,
             {.grid = {AttentionBlocks(p, p.q_len, kTile, p.heads),
                       static_cast<unsigned>(args.splits)},
              .block = kTileThreads,
              .shared_bytes = ForwardMemory<kChunks>::kFloats * sizeof(float)},
             &AttentionForwardKernel<T, kChunks>, WithResultsOfSplits(args));
    });
  });
  LaunchAttentionMergeSplits(stream, args);
}

void LaunchAttentionMerge(GpuStream stream, const AttentionMergeLaunch& args) {
  if (args.batch * args.q_len == 0) return;
  Launch(stream,
         {.grid = static_cast<unsigned>(args.batch * args.q_len),
          .block = kMergeThreads},
         &AttentionMergeKernel, args);
}

}  // namespace cogdist::cuda
