// One transformer block on a tensor group of processes, forward and backward.
//   OMP_NUM_THREADS=1 mpirun -np 2 build/models_tensor_parallel_benchmark
// Rank 0 reports. Every rank runs the same, fixed number of iterations.

#include <benchmark/benchmark.h>

#include <utility>
#include <vector>

#include "kernels/rope.h"
#include "models/block.h"
#include "parallel/rank_context.h"
#include "runtime/check.h"
#include "runtime/cpu/cpu_stream.h"
#include "tests/testing/rank_benchmark.h"

namespace cogdist {
namespace {

RankContext* context = nullptr;  // of this process, set by main

constexpr int64_t kHidden = 512, kHeadDim = 64, kHeads = 8, kFfn = 1408;
constexpr int64_t kBatch = 4, kSeq = 512, kRows = kBatch * kSeq;

// A block with its memory: weights and inputs are zeros, which costs the same.
class BlockRun {
 public:
  BlockRun(const ModelParallel& parallel, DType dtype)
      : block_({params_, params_.AddUnit("block"), parallel}, "block",
               {.hidden = kHidden,
                .heads = kHeads,
                .kv_heads = kHeads,
                .head_dim = kHeadDim},
               {.hidden = kHidden, .ffn = kFfn}, 1e-6),
        arena_([&] {
          auto arena = Arena::Create(*context->device, 512 << 20);
          COG_CHECK_OK(arena.status());
          return *std::move(arena);
        }()),
        ctx_{.stream = *context->streams.compute,
             .arena = arena_,
             .params = params_,
             .dtype = dtype,
             .parallel = parallel},
        rope_table_(RopeTable(kSeq, kHeadDim, 1e4)) {
    COG_CHECK_OK(params_.Allocate({.device = *context->device,
                                   .stream = ctx_.stream,
                                   .precision = dtype}));
    const int64_t held = parallel.HeldRows(kRows).count;
    x_ = ctx_.Activation(held, kHidden);
    d_ = ctx_.Activation(held, kHidden);
    shared_ = {.delta = ctx_.Activation(held, kHidden)};
    for (const TensorView& tensor : {x_, d_, shared_.delta}) {
      FillZero(ctx_.stream, tensor);
    }
  }

  void Step() {
    const SequenceLayout layout = {
        .batch = kBatch,
        .seq = kSeq,
        .rope_table =
            TensorView::Of(rope_table_.data(), {2, kSeq, kHeadDim / 2})};
    ResidualStream stream = {.x = x_};
    const Block::Saved saved =
        block_.Forward(ctx_, stream, shared_, layout, Recompute::kNothing);
    block_.Backward(ctx_, d_, saved, shared_, layout);
    ctx_.stream.Synchronize();
  }

 private:
  ParamStore params_;
  Block block_;
  Arena arena_;
  LayerContext ctx_;
  std::vector<float> rope_table_;
  TensorView x_, d_;
  Block::Shared shared_;
};

// `waited_ms`: of each step, where computation waited for a collective.
void BM_Block(benchmark::State& state) {
  const bool overlap = state.range(2) != 0;
  BlockRun run({.tensor = context->groups.tensor.get(),
                .tensor_stream = overlap ? context->streams.tensor.get()
                                         : context->streams.compute.get(),
                .sequence_parallel = state.range(1) != 0},
               state.range(0) != 0 ? DType::kBFloat16 : DType::kFloat32);
  run.Step();
  context->groups.world->Barrier();
  const CpuStream& compute = AsCpuStream(*context->streams.compute);
  const double waited = compute.waited_seconds();
  for (auto _ : state) run.Step();
  state.counters["waited_ms"] =
      1e3 * (compute.waited_seconds() - waited) / state.iterations();
}
BENCHMARK(BM_Block)
    ->ArgNames({"bf16", "sp", "overlap"})
    ->ArgsProduct({{0, 1}, {0, 1}, {0, 1}})
    ->Iterations(12)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cogdist

int main(int argc, char** argv) {
  return cogdist::testing::RunRankBenchmarks(
      argc, argv, cogdist::MeshAxis::kTensor, cogdist::context);
}
