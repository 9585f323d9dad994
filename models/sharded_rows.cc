#include "models/sharded_rows.h"

#include "absl/container/inlined_vector.h"
#include "runtime/check.h"

namespace cogdist {
namespace {

TensorView HeldRowsOf(const LayerContext& ctx, TensorView all) {
  const ElementRange held = ctx.parallel.HeldRows(all.dim(0));
  return all.Slice(0, held.begin, held.count);
}

// Where the rows of each rank begin in `all`, in elements, and where the last
// end.
absl::InlinedVector<int64_t, 9> RowBorders(const LayerContext& ctx,
                                           const TensorView& all) {
  const int ranks = ctx.parallel.tensor_size();
  absl::InlinedVector<int64_t, 9> borders;
  for (int rank = 0; rank <= ranks; ++rank) {
    borders.push_back(EvenPart(all.dim(0), ranks, rank).begin * all.dim(1));
  }
  return borders;
}

}  // namespace

ShardedRows WithRoomForAll(const LayerContext& ctx, TensorView all) {
  return {.rows = all.dim(0), .held = HeldRowsOf(ctx, all), .all = all};
}

void GatherRows(const LayerContext& ctx, Stream& stream, TensorView all) {
  if (!ctx.parallel.shards_rows()) return;
  ctx.parallel.tensor->AllGather(stream, all, RowBorders(ctx, all));
}

TensorView Gathered(const LayerContext& ctx, Stream& stream,
                    const ShardedRows& x) {
  if (x.all) return x.all;
  if (!ctx.parallel.shards_rows()) return x.held;
  const TensorView all =
      ctx.arena.Allocate(x.held.dtype, {x.rows, x.held.dim(1)});
  Copy(ctx.stream, HeldRowsOf(ctx, all), x.held);
  if (&stream != &ctx.stream) stream.Wait(ctx.stream.Record());
  GatherRows(ctx, stream, all);
  return all;
}

TensorView MakePartial(const LayerContext& ctx, TensorView sum, int64_t rows) {
  if (!ctx.parallel.shards_rows()) return sum;
  return ctx.arena.Allocate(sum.dtype, {rows, sum.dim(1)});
}

void SumPartial(const LayerContext& ctx, Stream& stream, TensorView partial) {
  if (ctx.parallel.tensor_size() == 1) return;
  if (!ctx.parallel.sequence_parallel) {
    ctx.parallel.tensor->AllReduceSum(stream, partial);
    return;
  }
  ctx.parallel.tensor->ReduceScatterSum(stream, partial,
                                        RowBorders(ctx, partial));
}

void TakeHeldRows(const LayerContext& ctx, TensorView sum, TensorView partial) {
  if (!ctx.parallel.shards_rows()) return;
  Copy(ctx.stream, sum, HeldRowsOf(ctx, partial));
}

Stream& StreamBeside(const LayerContext& ctx) {
  if (ctx.parallel.tensor_size() == 1) return ctx.stream;
  COG_CHECK(ctx.parallel.tensor_stream != nullptr);
  ctx.parallel.tensor_stream->Wait(ctx.stream.Record());
  return *ctx.parallel.tensor_stream;
}

}  // namespace cogdist
