// Sequence parallelism: between the layers whose matrices a tensor group
// shares, its ranks also share the rows of every activation. Rank r holds rows
// EvenPart(rows, size, r); they are gathered where a shared matrix is applied,
// and partial products of all rows are summed to the rows that each rank holds.
//
// Without it every rank holds all rows, gathering does nothing and sums are
// all-reduced. In a group of one all of this is free, and nothing is copied.

#ifndef COGDIST_MODELS_SHARDED_ROWS_H_
#define COGDIST_MODELS_SHARDED_ROWS_H_

#include "models/layer.h"

namespace cogdist {

// An activation of `rows` rows in all, of which this rank holds a part.
struct ShardedRows {
  int64_t rows = 0;
  TensorView held;  // [held rows, width]
  TensorView all;   // [rows, width], `held` inside it; absent: not gathered
};

// The held rows of `all` [rows, width] alone, and `all`, to be gathered in.
ShardedRows WithRoomForAll(const LayerContext& ctx, TensorView all);

// From the rows that each rank holds in `all` [rows, width] to all rows on all
// ranks, on `stream`. Bytes a rank sends: f(t) times those of `all`.
void GatherRows(const LayerContext& ctx, Stream& stream, TensorView all);

// x.all, or, from the arena, the rows that all ranks hold, gathered on `stream`
// when the compute stream has come to this point.
TensorView Gathered(const LayerContext& ctx, Stream& stream,
                    const ShardedRows& x);

// Memory for partial sums [rows, width] whose sum is to end in `sum`
// [held rows, width]: `sum` itself where that is all rows, else from the arena.
TensorView MakePartial(const LayerContext& ctx, TensorView sum, int64_t rows);

// Sums `partial` [rows, width] over the tensor group, on `stream`; only the
// held rows are good afterwards. Bytes a rank sends: 2 f(t) times those of
// `partial`, with sequence parallelism f(t).
void SumPartial(const LayerContext& ctx, Stream& stream, TensorView partial);

// Copies the held rows of `partial`, summed, to `sum`, on the compute stream;
// nothing where MakePartial has given `sum`.
void TakeHeldRows(const LayerContext& ctx, TensorView sum, TensorView partial);

// For collectives that overlap computation: the tensor group's stream, made to
// follow all work enqueued on the compute stream so far. The compute stream has
// to wait for it before memory that it uses is given back.
Stream& StreamBeside(const LayerContext& ctx);

}  // namespace cogdist

#endif  // COGDIST_MODELS_SHARDED_ROWS_H_
