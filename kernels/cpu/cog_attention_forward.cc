#include <omp.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "kernels/cpu/cog_attention.h"
#include "kernels/cpu/cog_attention_problem.h"

namespace cogdist::cpu {
namespace {

// Where one tile of queries is all there is (decoding), its keys are cut into
// parts of this many tiles, which the threads share.
constexpr int64_t kPartTiles = 8;

// What is known of a tile of queries after some of its keys.
struct TileState {
  TileState(Scratch& scratch, const AttentionProblem& problem)
      : o(scratch.Take(problem.padded * kTileQueries)),
        maximum(scratch.Take(kTileQueries)),
        sum(scratch.Take(kTileQueries)) {}

  float* o;        // [head_dim, 64], not yet divided by the sums
  float* maximum;  // [64]
  float* sum;      // [64]
};

// Adds what `other` knows of other keys; scale as in ForwardPass.
void Merge(const TileState& state, const TileState& other, float scale,
           int64_t padded) {
  float factor[kTileQueries], other_factor[kTileQueries];
  for (int64_t c = 0; c < kTileQueries; ++c) {
    const float top = std::max(state.maximum[c], other.maximum[c]);
    // Rounded as in the pass, which took these offsets off the exponents.
    const float offset = top * scale;
    factor[c] = std::exp2(state.maximum[c] * scale - offset);
    other_factor[c] = std::exp2(other.maximum[c] * scale - offset);
    state.maximum[c] = top;
    state.sum[c] = factor[c] * state.sum[c] + other_factor[c] * other.sum[c];
  }
  for (int64_t d = 0; d < padded; ++d) {
    float* const o = state.o + d * kTileQueries;
    const float* const other_o = other.o + d * kTileQueries;
    for (int64_t c = 0; c < kTileQueries; ++c) {
      o[c] = factor[c] * o[c] + other_factor[c] * other_o[c];
    }
  }
}

// Memory of one thread: one tile of queries.
struct ThreadMemory {
  ThreadMemory(Scratch& scratch, const AttentionProblem& problem)
      : rows(scratch.Take(problem.RowCells(kTileKeys))),
        queries(scratch.Take(problem.RowCells(kTileQueries))),
        s(scratch.Take(kTileKeys * kTileQueries)),
        state(scratch, problem),
        correction(scratch.Take(kTileQueries)) {}

  float* rows;     // packed rows of queries or of values
  float* queries;  // right operand [head_dim, 64]
  float* s;        // [keys, 64], then the right operand P in its place
  TileState state;
  float* correction;  // [64]
};

class ForwardKernel {
 public:
  explicit ForwardKernel(const AttentionForwardArgs& args)
      : args_(args), problem_(args.q, args.k, args.mask) {
    const int64_t tile_bytes = 2 * TileCells() * sizeof(float);
    wave_groups_ =
        WaveGroups(problem_.groups(), problem_.key_tiles() * tile_bytes);
    if (problem_.query_tiles() == 1) {
      parts_ = std::max<int64_t>(
          (problem_.key_tiles() + kPartTiles - 1) / kPartTiles, 1);
    }
    Scratch state(nullptr);
    TileState(state, problem_);
    state_bytes_ = state.used();
  }

  // Lays the scratch memory out; bytes.
  int64_t Layout(void* base) {
    Scratch scratch(base);
    mask_table_ =
        scratch.Take<QueryTileMask>(MaskTiles(args_.mask, problem_.shape));
    keys_ = scratch.Take(wave_groups_ * problem_.key_tiles() * TileCells());
    values_ = scratch.Take(wave_groups_ * problem_.key_tiles() * TileCells());
    if (parts_ > 1) {
      part_memory_ = scratch.Take<char>(wave_groups_ * HeadTiles() * parts_ *
                                        state_bytes_);
    }
    Scratch thread(nullptr);
    ThreadMemory(thread, problem_);
    thread_bytes_ = thread.used();
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
  // Cells of a packed tile of keys or values.
  int64_t TileCells() const { return problem_.RowCells(kTileKeys); }

  // Called by all threads of the team.
  void RunWave(int64_t first_group, int64_t groups, const ThreadMemory& memory,
               Device& device) const {
    const int64_t key_tiles = problem_.key_tiles();
#pragma omp for schedule(dynamic)
    for (int64_t i = 0; i < groups * key_tiles; ++i) {
      PackKeyTile(first_group, i % groups, i / groups, memory);
    }
    const int64_t tiles = HeadTiles();
    if (parts_ > 1) {
#pragma omp for schedule(dynamic)
      for (int64_t i = 0; i < groups * tiles * parts_; ++i) {
        const QueryTile tile = TileOf(first_group, i / parts_);
        const int64_t first = i % parts_ * kPartTiles;
        AddKeys(tile, {first, first + kPartTiles}, PartState(i), memory);
      }
    }
    // Late queries of a causal mask have the most work: they go first.
#pragma omp for schedule(dynamic)
    for (int64_t i = 0; i < groups * tiles; ++i) {
      const int64_t item = i / tiles * tiles + tiles - 1 - i % tiles;
      const QueryTile tile = TileOf(first_group, item);
      if (parts_ > 1) {
        const TileState state = PartState(item * parts_);
        for (int64_t part = 1; part < parts_; ++part) {
          Merge(state, PartState(item * parts_ + part), Log2Scale(),
                problem_.padded);
        }
        Finish(tile, state);
      } else {
        AddKeys(tile, {0, problem_.key_tiles()}, memory.state, memory);
        Finish(tile, memory.state);
      }
      // A call may be long: the rank's own thread lets communication go on.
      if (omp_get_thread_num() == 0) device.Progress();
    }
  }

  // 64 queries of one head.
  struct QueryTile {
    int64_t wave_group;
    int64_t sequence;
    int64_t head;
    int64_t index;  // among the sequence's tiles
  };
  // Tiles of a group, over all its heads.
  int64_t HeadTiles() const {
    return problem_.query_tiles() * problem_.group_heads();
  }
  QueryTile TileOf(int64_t first_group, int64_t item) const {
    const int64_t wave_group = item / HeadTiles();
    const int64_t group = first_group + wave_group;
    const int64_t head_tile = item % HeadTiles();
    return {.wave_group = wave_group,
            .sequence = group / problem_.kv_heads,
            .head = group % problem_.kv_heads * problem_.group_heads() +
                    head_tile % problem_.group_heads(),
            .index = head_tile / problem_.group_heads()};
  }
  TileState PartState(int64_t i) const {
    Scratch scratch(part_memory_ + i * state_bytes_);
    return TileState(scratch, problem_);
  }

  // Cells before a tile of the packed keys, and of the packed values.
  int64_t Offset(int64_t wave_group, int64_t key_tile) const {
    return (wave_group * problem_.key_tiles() + key_tile) * TileCells();
  }

  void PackKeyTile(int64_t first_group, int64_t wave_group, int64_t key_tile,
                   const ThreadMemory& memory) const {
    const int64_t group = first_group + wave_group;
    const int64_t first = key_tile * kTileKeys;
    const int64_t offset = Offset(wave_group, key_tile);
    const int64_t sequence = group / problem_.kv_heads;
    const int64_t head = group % problem_.kv_heads;
    const TileOps& ops = problem_.ops;
    ops.pack_rows(keys_ + offset,
                  HeadRows(args_.k, sequence, head, first, kTileKeys),
                  kTileKeys);
    ops.pack_rows(memory.rows,
                  HeadRows(args_.v, sequence, head, first, kTileKeys),
                  kTileKeys);
    ops.transpose_pairs(values_ + offset, memory.rows, kTileKeys,
                        problem_.padded);
  }

  // Starts `state` and adds the key tiles [range[0], range[1]) to it.
  void AddKeys(const QueryTile& tile, const int64_t (&range)[2],
               const TileState& state, const ThreadMemory& memory) const {
    problem_.ops.pack_rows(memory.rows,
                           HeadRows(args_.q, tile.sequence, tile.head,
                                    tile.index * kTileQueries, kTileQueries),
                           kTileQueries);
    problem_.ops.transpose(memory.queries, memory.rows, kTileQueries,
                           problem_.padded);
    Clear(state);
    const QueryTileMask& mask = MaskOf(mask_table_, args_.mask, problem_.shape,
                                       tile.sequence, tile.index);
    const int64_t begin =
        std::max<int64_t>(mask.any.begin / kTileKeys, range[0]);
    const int64_t end =
        std::min<int64_t>((mask.any.end + kTileKeys - 1) / kTileKeys, range[1]);
    for (int64_t k = begin; k < end; ++k) {
      const int64_t offset = Offset(tile.wave_group, k);
      ForEachStrip(mask, k * kTileKeys, problem_.TileRowCount(k),
                   [&](const TileStrip& strip) {
                     AddStrip(strip, strip.Region(mask, k * kTileKeys), offset,
                              state, memory);
                   });
    }
  }

  void Clear(const TileState& state) const {
    // Below every score, yet finite: no difference of it is NaN.
    const float lowest = args_.kind == AttentionKind::kCog ? 0.0f : -1e30f;
    std::fill_n(state.o, problem_.padded * kTileQueries, 0.0f);
    std::fill_n(state.maximum, kTileQueries, lowest);
    std::fill_n(state.sum, kTileQueries, 0.0f);
  }

  void AddStrip(const TileStrip& strip, const TileRegion& region,
                int64_t offset, const TileState& state,
                const ThreadMemory& memory) const {
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
         .p = memory.s,
         .maximum = state.maximum,
         .sum = state.sum,
         .correction = memory.correction});
    problem_.ops.product(
        {.c = state.o + strip.column,
         .c_stride = kTileQueries,
         .left = values_ + offset + strip.row_begin / cell,
         .left_stride = kTileKeys / cell,
         .right =
             memory.s + strip.row_begin / cell * kTileQueries + strip.column,
         .right_stride = kTileQueries,
         .rows = problem_.padded,
         .columns = strip.columns,
         .cells = rows / cell,
         .accumulate = true,
         .column_scale = memory.correction + strip.column});
  }

  // Divides by the sums and writes a tile's results.
  void Finish(const QueryTile& tile, const TileState& state) const {
    const int64_t first = tile.index * kTileQueries;
    const TileRows o =
        HeadRows(args_.o, tile.sequence, tile.head, first, kTileQueries);
    float* const lse = LseOf(tile.sequence, tile.head, first);
    float factor[kTileQueries];
    for (int64_t c = 0; c < o.rows; ++c) {
      const float sum = state.sum[c];
      const float offset = state.maximum[c] * Log2Scale();  // as in the pass
      factor[c] = sum == 0 ? 0 : 1 / sum;
      lse[c * args_.lse.strides.dim(2)] =
          sum == 0 ? -std::numeric_limits<float>::infinity()
                   : offset * std::numbers::ln2 + std::log(double{sum});
    }
    problem_.ops.store_transposed(o, state.o, factor);
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
  int64_t parts_ = 1;        // in which the keys of a tile of queries are taken
  char* part_memory_ = nullptr;  // [wave group, head, part] tile states
  int64_t state_bytes_;
  char* thread_memory_ = nullptr;  // [thread]
  int64_t thread_bytes_ = 0;
};

}  // namespace

int64_t WorkspaceBytes(Stream&, const AttentionForwardArgs& args) {
  return ForwardKernel(args).Layout(nullptr);
}

void AttentionForward(CpuStream& stream, const AttentionForwardArgs& args) {
  ForwardKernel kernel(args);
  kernel.Layout(stream.Workspace(kernel.Layout(nullptr)));
  kernel.Run(stream.device());
}

}  // namespace cogdist::cpu
