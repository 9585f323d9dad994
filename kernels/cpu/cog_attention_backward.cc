#include <omp.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <numbers>
#include <thread>

#include "kernels/cpu/cog_attention.h"
#include "kernels/cpu/cog_attention_problem.h"

namespace cogdist::cpu {
namespace {

// Keys of a tile that pass through the scores at a time.
constexpr int64_t kPassKeys = 32;

// What all key tiles of a group need of one tile of queries of one head.
struct QueryMemory {
  QueryMemory(Scratch& scratch, const AttentionProblem& problem)
      : q(scratch.Take(problem.RowCells(kTileQueries))),
        q_pairs(scratch.Take(problem.RowCells(kTileQueries))),
        d_o(scratch.Take(problem.RowCells(kTileQueries))),
        d_o_pairs(scratch.Take(problem.RowCells(kTileQueries))),
        dq(scratch.Take(problem.padded * kTileQueries)),
        lse(scratch.Take(kTileQueries)),
        delta(scratch.Take(kTileQueries)),
        turn(scratch.Take<std::atomic<int64_t>>(1)) {}

  float* q;          // right operand [head_dim, 64]
  float* q_pairs;    // right operand [64, head_dim]
  float* d_o;        // right operand [head_dim, 64]
  float* d_o_pairs;  // right operand [64, head_dim]
  float* dq;         // [head_dim, 64] float32 sums
  float* lse;        // [64] in units of log2
  float* delta;      // [64]
  // The key tile whose turn it is to add to dq: the order of the sum is that of
  // the key tiles, whichever threads they are on.
  std::atomic<int64_t>* turn;
};

// Memory of one thread: one tile of keys.
struct ThreadMemory {
  ThreadMemory(Scratch& scratch, const AttentionProblem& problem)
      : rows(scratch.Take(problem.RowCells(kTileQueries))),
        keys(scratch.Take(problem.RowCells(kTileKeys))),
        keys_transposed(scratch.Take(problem.RowCells(kTileKeys))),
        values(scratch.Take(problem.RowCells(kTileKeys))),
        s(scratch.Take(kPassKeys * kTileQueries)),
        g(scratch.Take(kPassKeys * kTileQueries)),
        a(scratch.Take(kTileKeys * kTileQueries)),
        ds(scratch.Take(kTileKeys * kTileQueries)),
        ds_right(problem.ops.elements_per_cell == 1
                     ? ds
                     : scratch.Take(kTileKeys * kTileQueries / 2)),
        dk(scratch.Take(kTileKeys * problem.padded)),
        dv(scratch.Take(kTileKeys * problem.padded)) {}

  float* rows;             // packed rows of queries
  float* keys;             // left operand [keys, head_dim]
  float* keys_transposed;  // left operand [head_dim, keys]
  float* values;           // left operand [keys, head_dim]
  float* s;                // [kPassKeys, 64]
  float* g;                // [kPassKeys, 64]
  float* a;                // left operand [keys, 64]
  float* ds;               // left operand [keys, 64]
  float* ds_right;         // right operand [keys, 64]
  float* dk;               // [keys, head_dim] float32 sums
  float* dv;               // [keys, head_dim]
};

class BackwardKernel {
 public:
  explicit BackwardKernel(const AttentionBackwardArgs& args)
      : args_(args), problem_(args.q, args.k, args.mask) {
    Scratch query(nullptr);
    QueryMemory(query, problem_);
    query_bytes_ = query.used();
    Scratch thread(nullptr);
    ThreadMemory(thread, problem_);
    thread_bytes_ = thread.used();
    wave_groups_ =
        WaveGroups(problem_.groups(), GroupQueryTiles() * query_bytes_);
  }

  // Lays the scratch memory out; bytes.
  int64_t Layout(void* base) {
    Scratch scratch(base);
    mask_table_ =
        scratch.Take<QueryTileMask>(MaskTiles(args_.mask, problem_.shape));
    query_memory_ =
        scratch.Take<char>(wave_groups_ * GroupQueryTiles() * query_bytes_);
    thread_memory_ = scratch.Take<char>(omp_get_max_threads() * thread_bytes_);
    return scratch.used();
  }

  void Run(Device& device) {
    FillMaskTable(mask_table_, args_.mask, problem_.shape);
#pragma omp parallel
    {
      Scratch scratch(thread_memory_ + omp_get_thread_num() * thread_bytes_);
      const ThreadMemory memory(scratch, problem_);
      for (int64_t g = 0; g < problem_.groups(); g += wave_groups_) {
        RunWave(g, std::min(wave_groups_, problem_.groups() - g), memory,
                device);
      }
    }
  }

 private:
  // Tiles of queries of a group, over all its heads.
  int64_t GroupQueryTiles() const {
    return problem_.query_tiles() * problem_.group_heads();
  }
  QueryMemory QueryMemoryOf(int64_t i) const {
    Scratch scratch(query_memory_ + i * query_bytes_);
    return QueryMemory(scratch, problem_);
  }
  int64_t SequenceOf(int64_t group) const { return group / problem_.kv_heads; }
  int64_t KvHeadOf(int64_t group) const { return group % problem_.kv_heads; }
  const QueryTileMask& Mask(int64_t group, int64_t tile) const {
    return MaskOf(mask_table_, args_.mask, problem_.shape, SequenceOf(group),
                  tile);
  }

  // Called by all threads of the team.
  void RunWave(int64_t first_group, int64_t groups, const ThreadMemory& memory,
               Device& device) const {
    const int64_t tiles = groups * GroupQueryTiles();
#pragma omp for schedule(dynamic)
    for (int64_t i = 0; i < tiles; ++i) PackQueryTile(first_group, i, memory);
    // Handed out in ascending order, so that whoever waits for its turn waits
    // for a tile that some thread already works on. Early keys of a causal mask
    // have the most work.
    const int64_t items = groups * problem_.key_tiles();
#pragma omp for schedule(monotonic : dynamic)
    for (int64_t i = 0; i < items; ++i) {
      KeyTile(first_group, i % groups, i / groups, memory);
      // A call may be long: the rank's own thread lets communication go on.
      if (omp_get_thread_num() == 0) device.Progress();
    }
#pragma omp for schedule(dynamic)
    for (int64_t i = 0; i < tiles; ++i) StoreQueryTile(first_group, i);
  }

  // Rows of the i-th tile of queries of the wave in a tensor shaped like q.
  TileRows QueryRows(const TensorView& x, int64_t first_group,
                     int64_t i) const {
    const int64_t group = first_group + i / GroupQueryTiles();
    const int64_t head = i % GroupQueryTiles() / problem_.query_tiles();
    const int64_t tile = i % problem_.query_tiles();
    return HeadRows(x, SequenceOf(group),
                    KvHeadOf(group) * problem_.group_heads() + head,
                    tile * kTileQueries, kTileQueries);
  }

  void PackQueryTile(int64_t first_group, int64_t i,
                     const ThreadMemory& thread) const {
    const QueryMemory memory = QueryMemoryOf(i);
    const TileOps& ops = problem_.ops;
    const int64_t width = problem_.padded;
    const TileRows d_o = QueryRows(args_.d_o, first_group, i);
    ops.pack_rows(thread.rows, QueryRows(args_.q, first_group, i),
                  kTileQueries);
    ops.transpose(memory.q, thread.rows, kTileQueries, width);
    ops.pair_rows(memory.q_pairs, thread.rows, kTileQueries, width);
    ops.pack_rows(thread.rows, d_o, kTileQueries);
    ops.transpose(memory.d_o, thread.rows, kTileQueries, width);
    ops.pair_rows(memory.d_o_pairs, thread.rows, kTileQueries, width);
    std::fill_n(memory.dq, width * kTileQueries, 0.0f);
    std::fill_n(memory.delta, kTileQueries, 0.0f);
    ops.row_dots(memory.delta, d_o, QueryRows(args_.o, first_group, i));
    LoadLse(memory.lse, first_group, i);
    const int64_t group = first_group + i / GroupQueryTiles();
    const int64_t tile = i % problem_.query_tiles();
    std::construct_at(memory.turn, Mask(group, tile).any.begin / kTileKeys);
  }

  // Rows that see no key, and columns behind q_len, get a finite value: their
  // weights are masked.
  void LoadLse(float* to, int64_t first_group, int64_t i) const {
    const int64_t group = first_group + i / GroupQueryTiles();
    const int64_t head = KvHeadOf(group) * problem_.group_heads() +
                         i % GroupQueryTiles() / problem_.query_tiles();
    const int64_t first = i % problem_.query_tiles() * kTileQueries;
    const Shape& strides = args_.lse.strides;
    const float* const lse = args_.lse.Data<float>() +
                             SequenceOf(group) * strides.dim(0) +
                             head * strides.dim(1);
    for (int64_t c = 0; c < kTileQueries; ++c) {
      const bool inside = first + c < problem_.shape.q_len;
      const float x = inside ? lse[(first + c) * strides.dim(2)] : 0.0f;
      to[c] = std::isinf(x) ? 0.0f : x * std::numbers::log2e;
    }
  }

  void KeyTile(int64_t first_group, int64_t wave_group, int64_t key_tile,
               const ThreadMemory& memory) const {
    const int64_t group = first_group + wave_group;
    const int64_t first_key = key_tile * kTileKeys;
    PackKeyTile(group, first_key, memory);
    for (int64_t i = 0; i < GroupQueryTiles(); ++i) {
      const QueryTileMask& mask = Mask(group, i % problem_.query_tiles());
      if (mask.any.end <= first_key || mask.any.begin / kTileKeys > key_tile) {
        continue;
      }
      AddQueryTile(QueryMemoryOf(wave_group * GroupQueryTiles() + i), mask,
                   key_tile, memory);
    }
    const auto rows = [&](const TensorView& x) {
      return HeadRows(x, SequenceOf(group), KvHeadOf(group), first_key,
                      kTileKeys);
    };
    problem_.ops.store_rows(rows(args_.dk), memory.dk, args_.scale);
    problem_.ops.store_rows(rows(args_.dv), memory.dv, 1.0f);
  }

  void PackKeyTile(int64_t group, int64_t first_key,
                   const ThreadMemory& memory) const {
    const auto rows = [&](const TensorView& x) {
      return HeadRows(x, SequenceOf(group), KvHeadOf(group), first_key,
                      kTileKeys);
    };
    problem_.ops.pack_rows(memory.keys, rows(args_.k), kTileKeys);
    problem_.ops.transpose_pairs(memory.keys_transposed, memory.keys, kTileKeys,
                                 problem_.padded);
    problem_.ops.pack_rows(memory.values, rows(args_.v), kTileKeys);
    std::fill_n(memory.dk, kTileKeys * problem_.padded, 0.0f);
    std::fill_n(memory.dv, kTileKeys * problem_.padded, 0.0f);
  }

  void AddQueryTile(const QueryMemory& query, const QueryTileMask& mask,
                    int64_t key_tile, const ThreadMemory& memory) const {
    const int64_t first_key = key_tile * kTileKeys;
    const int64_t rows = problem_.TileRowCount(key_tile);
    ForEachStrip(mask, first_key, rows, [&](const TileStrip& strip) {
      ScoreGradients(strip, strip.Region(mask, first_key), query, memory);
      AddKeyGradients(strip, query, memory);
    });
    while (query.turn->load(std::memory_order_acquire) != key_tile) {
      std::this_thread::yield();
    }
    ForEachStrip(mask, first_key, rows, [&](const TileStrip& strip) {
      AddQueryGradients(strip, query, memory);
    });
    query.turn->store(key_tile + 1, std::memory_order_release);
  }

  // Recomputes the scores of a strip; leaves A and dS.
  void ScoreGradients(const TileStrip& strip, TileRegion region,
                      const QueryMemory& query,
                      const ThreadMemory& memory) const {
    const int64_t row_cells = problem_.RowCells(1);
    TileProduct product = {.c_stride = kTileQueries,
                           .left_stride = row_cells,
                           .right_stride = kTileQueries,
                           .columns = strip.columns,
                           .cells = row_cells};
    for (int64_t row = strip.row_begin; row < strip.row_end; row += kPassKeys) {
      region.row_begin = row;
      region.row_end = std::min(row + kPassKeys, strip.row_end);
      product.rows = region.row_end - row;
      product.c = memory.s + strip.column;
      product.left = memory.keys + row * row_cells;
      product.right = query.q + strip.column;
      problem_.ops.product(product);
      product.c = memory.g + strip.column;
      product.left = memory.values + row * row_cells;
      product.right = query.d_o + strip.column;
      problem_.ops.product(product);
      problem_.ops.backward[static_cast<int>(args_.kind)](
          {.region = region,
           .scale = static_cast<float>(args_.scale * std::numbers::log2e),
           .s = memory.s,
           .g = memory.g,
           .lse = query.lse,
           .delta = query.delta,
           .a = memory.a,
           .ds = memory.ds,
           .ds_right = memory.ds_right});
    }
  }

  // dV += A^T dO, dK += dS^T Q.
  void AddKeyGradients(const TileStrip& strip, const QueryMemory& query,
                       const ThreadMemory& memory) const {
    const int64_t cell = problem_.ops.elements_per_cell;
    const int64_t row_cells = kTileQueries / cell;
    const int64_t offset = strip.row_begin * row_cells + strip.column / cell;
    TileProduct product = {
        .c = memory.dv + strip.row_begin * problem_.padded,
        .c_stride = problem_.padded,
        .left = memory.a + offset,
        .left_stride = row_cells,
        .right = query.d_o_pairs + strip.column / cell * problem_.padded,
        .right_stride = problem_.padded,
        .rows = strip.row_end - strip.row_begin,
        .columns = problem_.padded,
        .cells = strip.columns / cell,
        .accumulate = true};
    problem_.ops.product(product);
    product.c = memory.dk + strip.row_begin * problem_.padded;
    product.left = memory.ds + offset;
    product.right = query.q_pairs + strip.column / cell * problem_.padded;
    problem_.ops.product(product);
  }

  // dQ^T += K^T dS^T.
  void AddQueryGradients(const TileStrip& strip, const QueryMemory& query,
                         const ThreadMemory& memory) const {
    const int64_t cell = problem_.ops.elements_per_cell;
    problem_.ops.product(
        {.c = query.dq + strip.column,
         .c_stride = kTileQueries,
         .left = memory.keys_transposed + strip.row_begin / cell,
         .left_stride = kTileKeys / cell,
         .right = memory.ds_right + strip.row_begin / cell * kTileQueries +
                  strip.column,
         .right_stride = kTileQueries,
         .rows = problem_.padded,
         .columns = strip.columns,
         .cells = (strip.row_end - strip.row_begin) / cell,
         .accumulate = true});
  }

  void StoreQueryTile(int64_t first_group, int64_t i) const {
    const QueryMemory memory = QueryMemoryOf(i);
    float factor[kTileQueries];
    std::fill_n(factor, kTileQueries, args_.scale);
    problem_.ops.store_transposed(QueryRows(args_.dq, first_group, i),
                                  memory.dq, factor);
  }

  const AttentionBackwardArgs& args_;
  const AttentionProblem problem_;
  int64_t wave_groups_;
  QueryTileMask* mask_table_ = nullptr;
  char* query_memory_ = nullptr;  // [wave group, query tile]
  int64_t query_bytes_;
  char* thread_memory_ = nullptr;  // [thread]
  int64_t thread_bytes_;
};

}  // namespace

int64_t WorkspaceBytes(Stream&, const AttentionBackwardArgs& args) {
  return BackwardKernel(args).Layout(nullptr);
}

void AttentionBackward(CpuStream& stream, const AttentionBackwardArgs& args) {
  BackwardKernel kernel(args);
  kernel.Layout(stream.Workspace(kernel.Layout(nullptr)));
  kernel.Run(stream.device());
}

}  // namespace cogdist::cpu
