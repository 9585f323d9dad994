#include "models/parallel_linear.h"

namespace cogdist {

void ColumnParallelLinear::Forward(const LayerContext& ctx, TensorView y,
                                   const ShardedRows& x) const {
  const ArenaScope scope(ctx.arena);
  linear_.Forward(ctx, y, Gathered(ctx, ctx.stream, x));
}

void ColumnParallelLinear::Backward(const LayerContext& ctx, TensorView dx,
                                    TensorView dy, const ShardedRows& x) const {
  const ArenaScope scope(ctx.arena);
  const TensorView partial = MakePartial(ctx, dx, dy.dim(0));
  Stream& gather = StreamBeside(ctx);
  const TensorView all_x = Gathered(ctx, gather, x);
  const Event gathered = gather.Record();
  linear_.InputGradient(ctx, partial, dy);
  Stream& sum = StreamBeside(ctx);
  SumPartial(ctx, sum, partial);
  ctx.stream.Wait(gathered);
  linear_.WeightGradient(ctx, dy, all_x);
  ctx.stream.Wait(sum.Record());
  TakeHeldRows(ctx, dx, partial);
}

RowParallelLinear::RowParallelLinear(const ParamRegistry& registry,
                                     const NamedTensor& tensor, double init_std)
    : linear_(registry,
              {ShardOf(tensor, 1, registry.parallel.tensor_size(),
                       registry.parallel.tensor_rank())},
              init_std) {}

void RowParallelLinear::Forward(const LayerContext& ctx, TensorView y,
                                TensorView x) const {
  const ArenaScope scope(ctx.arena);
  const TensorView partial = MakePartial(ctx, y, x.dim(0));
  linear_.Forward(ctx, partial, x);
  SumPartial(ctx, ctx.stream, partial);
  TakeHeldRows(ctx, y, partial);
}

void RowParallelLinear::Backward(const LayerContext& ctx, TensorView dx,
                                 TensorView dy, TensorView x) const {
  const ArenaScope scope(ctx.arena);
  const TensorView all_dy =
      Gathered(ctx, ctx.stream, {.rows = x.dim(0), .held = dy});
  linear_.InputGradient(ctx, dx, all_dy);
  linear_.WeightGradient(ctx, all_dy, x);
}

}  // namespace cogdist
