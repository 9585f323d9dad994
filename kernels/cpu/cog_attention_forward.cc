#include <omp.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "kernels/cpu/cog_attention.h"
#include "kernels/cpu/cog_attention_problem.h"

namespace cogdist::cpu {
namespace {

// Memory of one thread: one tile of queries.
struct ThreadMemory {
  ThreadMemory(Scratch& scratch, const AttentionProblem& problem)
      : rows(scratch.Take(problem.RowCells(kTileKeys))),
        queries(scratch.Take(problem.RowCells(kTileQueries))),
        s(scratch.Take(kTileKeys * kTileQueries)),
        p(scratch.Take(kTileKeys * kTileQueries)),
        o(scratch.Take(problem.padded * kTileQueries)),
        maximum(scratch.Take(kTileQueries)),
        sum(scratch.Take(kTileQueries)),
        correction(scratch.Take(kTileQueries)) {}

  float* rows;        // packed rows of queries or of values
  float* queries;     // right operand [head_dim, 64]
  float* s;           // [keys, 64]
  float* p;           // right operand [keys, 64]
  float* o;           // [head_dim, 64]
  float* maximum;     // [64]
  float* sum;         // [64]
  float* correction;  // [64]
};

class ForwardKernel {
 public:
  explicit ForwardKernel(const AttentionForwardArgs& args)
      : args_(args), problem_(args.q, args.k, args.mask) {
    const int64_t tile_bytes = 2 * TileCells() * sizeof(float);
    wave_groups_ =
        WaveGroups(problem_.groups(), problem_.key_tiles() * tile_bytes);
  }

  // Lays the scratch memory out; bytes.
  int64_t Layout(void* base) {
    Scratch scratch(base);
    mask_table_ =
        scratch.Take<QueryTileMask>(MaskTiles(args_.mask, problem_.shape));
    keys_ = scratch.Take(wave_groups_ * problem_.key_tiles() * TileCells());
    values_ = scratch.Take(wave_groups_ * problem_.key_tiles() * TileCells());
    Scratch thread(nullptr);
    ThreadMemory(thread, problem_);
    thread_bytes_ = thread.used();
    thread_memory_ = scratch.Take<char>(omp_get_max_threads() * thread_bytes_);
    return scratch.used();
  }

  void Run() {
    FillMaskTable(mask_table_, args_.mask, problem_.shape);
#pragma omp parallel
    {
      Scratch scratch(thread_memory_ + omp_get_thread_num() * thread_bytes_);
      const ThreadMemory memory(scratch, problem_);
      for (int64_t g = 0; g < problem_.groups(); g += wave_groups_) {
        RunWave(g, std::min(wave_groups_, problem_.groups() - g), memory);
      }
    }
  }

 private:
  // Cells of a packed tile of keys or values.
  int64_t TileCells() const { return problem_.RowCells(kTileKeys); }

  // Called by all threads of the team.
  void RunWave(int64_t first_group, int64_t groups,
               const ThreadMemory& memory) const {
    const int64_t key_tiles = problem_.key_tiles();
#pragma omp for schedule(dynamic)
    for (int64_t i = 0; i < groups * key_tiles; ++i) {
      PackKeyTile(first_group, i, memory);
    }
    // Late queries of a causal mask have the most work: they go first.
    const int64_t tiles = problem_.query_tiles() * problem_.group_heads();
#pragma omp for schedule(dynamic)
    for (int64_t i = 0; i < groups * tiles; ++i) {
      QueryTile(first_group, i / tiles, tiles - 1 - i % tiles, memory);
    }
  }

  void PackKeyTile(int64_t first_group, int64_t i,
                   const ThreadMemory& memory) const {
    const int64_t group = first_group + i / problem_.key_tiles();
    const int64_t first = i % problem_.key_tiles() * kTileKeys;
    const int64_t sequence = group / problem_.kv_heads;
    const int64_t head = group % problem_.kv_heads;
    const TileOps& ops = problem_.ops;
    ops.pack_rows(keys_ + i * TileCells(),
                  HeadRows(args_.k, sequence, head, first, kTileKeys),
                  kTileKeys);
    ops.pack_rows(memory.rows,
                  HeadRows(args_.v, sequence, head, first, kTileKeys),
                  kTileKeys);
    ops.transpose_pairs(values_ + i * TileCells(), memory.rows, kTileKeys,
                        problem_.padded);
  }

  void QueryTile(int64_t first_group, int64_t wave_group, int64_t head_tile,
                 const ThreadMemory& memory) const {
    const int64_t group = first_group + wave_group;
    const int64_t sequence = group / problem_.kv_heads;
    const int64_t head = group % problem_.kv_heads * problem_.group_heads() +
                         head_tile % problem_.group_heads();
    const int64_t tile = head_tile / problem_.group_heads();
    const int64_t first = tile * kTileQueries;
    problem_.ops.pack_rows(
        memory.rows, HeadRows(args_.q, sequence, head, first, kTileQueries),
        kTileQueries);
    problem_.ops.transpose(memory.queries, memory.rows, kTileQueries,
                           problem_.padded);
    Clear(memory);
    const QueryTileMask& mask =
        MaskOf(mask_table_, args_.mask, problem_.shape, sequence, tile);
    const int64_t end = (mask.any.end + kTileKeys - 1) / kTileKeys;
    for (int64_t k = mask.any.begin / kTileKeys; k < end; ++k) {
      const int64_t offset =
          (wave_group * problem_.key_tiles() + k) * TileCells();
      ForEachStrip(mask, k * kTileKeys, problem_.TileRowCount(k),
                   [&](const TileStrip& strip) {
                     AddStrip(strip, strip.Region(mask, k * kTileKeys), offset,
                              memory);
                   });
    }
    Finish(HeadRows(args_.o, sequence, head, first, kTileQueries),
           LseOf(sequence, head, first), memory);
  }

  void Clear(const ThreadMemory& memory) const {
    // Below every score, yet finite: no difference of it is NaN.
    const float lowest = args_.kind == AttentionKind::kCog ? 0.0f : -1e30f;
    std::fill_n(memory.o, problem_.padded * kTileQueries, 0.0f);
    std::fill_n(memory.maximum, kTileQueries, lowest);
    std::fill_n(memory.sum, kTileQueries, 0.0f);
  }

  void AddStrip(const TileStrip& strip, const TileRegion& region,
                int64_t offset, const ThreadMemory& memory) const {
    const int64_t cell = problem_.ops.elements_per_cell;
    const int64_t row_cells = problem_.padded / cell;
    const int64_t rows = strip.row_end - strip.row_begin;
    problem_.ops.product(
        {.c = memory.s + strip.row_begin * kTileQueries + strip.column,
         .c_stride = kTileQueries,
         .left = keys_ + offset + strip.row_begin * row_cells,
         .left_stride = row_cells,
         .right = memory.queries + strip.column,
         .right_stride = kTileQueries,
         .rows = rows,
         .columns = strip.columns,
         .cells = row_cells});
    problem_.ops.forward[static_cast<int>(args_.kind)](
        {.region = region,
         .scale = Log2Scale(),
         .s = memory.s,
         .p = memory.p,
         .maximum = memory.maximum,
         .sum = memory.sum,
         .correction = memory.correction});
    problem_.ops.product(
        {.c = memory.o + strip.column,
         .c_stride = kTileQueries,
         .left = values_ + offset + strip.row_begin / cell,
         .left_stride = kTileKeys / cell,
         .right =
             memory.p + strip.row_begin / cell * kTileQueries + strip.column,
         .right_stride = kTileQueries,
         .rows = problem_.padded,
         .columns = strip.columns,
         .cells = rows / cell,
         .accumulate = true,
         .column_scale = memory.correction + strip.column});
  }

  // Divides by the sums and writes a tile's results.
  void Finish(const TileRows& o, float* lse, const ThreadMemory& memory) const {
    const float scale = Log2Scale();
    const int64_t lse_stride = args_.lse.strides.dim(2);
    float* const factor = memory.correction;
    for (int64_t c = 0; c < o.rows; ++c) {
      const float sum = memory.sum[c];
      const float offset = memory.maximum[c] * scale;  // as the pass had it
      factor[c] = sum == 0 ? 0 : 1 / sum;
      lse[c * lse_stride] =
          sum == 0 ? -std::numeric_limits<float>::infinity()
                   : offset * std::numbers::ln2 + std::log(double{sum});
    }
    problem_.ops.store_transposed(o, memory.o, factor);
  }

  float Log2Scale() const {
    return static_cast<float>(args_.scale * std::numbers::log2e);
  }
  float* LseOf(int64_t sequence, int64_t head, int64_t query) const {
    const Shape& strides = args_.lse.strides;
    return args_.lse.Data<float>() + sequence * strides.dim(0) +
           head * strides.dim(1) + query * strides.dim(2);
  }

  const AttentionForwardArgs& args_;
  const AttentionProblem problem_;
  int64_t wave_groups_;
  QueryTileMask* mask_table_ = nullptr;
  float* keys_ = nullptr;    // [wave group, key tile] left operands
  float* values_ = nullptr;  // [wave group, key tile] left operands, transposed
  char* thread_memory_ = nullptr;
  int64_t thread_bytes_ = 0;
};

}  // namespace

int64_t WorkspaceBytes(const AttentionForwardArgs& args) {
  return ForwardKernel(args).Layout(nullptr);
}

void AttentionForward(CpuStream& stream, const AttentionForwardArgs& args) {
  ForwardKernel kernel(args);
  kernel.Layout(stream.Workspace(kernel.Layout(nullptr)));
  kernel.Run();
}

}  // namespace cogdist::cpu
