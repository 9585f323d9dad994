// Ring attention between processes, against its share of the work of one.
//   OMP_NUM_THREADS=1 mpirun -np 2 --bind-to none
//     build/parallel_context_ring_attention_benchmark
// Rank 0 reports. Every rank runs the same, fixed number of iterations.

#include <benchmark/benchmark.h>

#include <cmath>

#include "parallel/context/ring_attention.h"
#include "parallel/rank_context.h"
#include "runtime/check.h"
#include "runtime/clock.h"
#include "runtime/cpu/cpu_stream.h"
#include "runtime/rng.h"
#include "tests/testing/rank_benchmark.h"

namespace cogdist {
namespace {

RankContext* context = nullptr;  // of this process, set by main

constexpr int64_t kHeads = 8, kHeadDim = 64, kArenaBytes = int64_t{1} << 30;

// Tensors of a layer with `seq` tokens on this rank.
struct Layer {
  Layer(Arena& arena, DType dtype, int64_t seq) {
    const Shape shape = {1, seq, kHeads, kHeadDim};
    for (TensorView* x : {&q, &k, &v, &d_o, &o, &dq, &dk, &dv}) {
      *x = arena.Allocate(dtype, shape);
      const Rng rng(1, x - &q);
      DispatchFloat(dtype, [&]<typename T>(T) {
        for (int64_t i = 0; i < x->num_elements(); ++i) {
          x->Data<T>()[i] = T(static_cast<float>(rng.Normal(i)));
        }
      });
    }
    lse = arena.Allocate(DType::kFloat32, {1, kHeads, seq});
  }

  void Run(const ContextRing& ring) const {
    const float scale = 1 / std::sqrt(static_cast<float>(kHeadDim));
    RingAttentionForward(
        ring, {.o = o, .lse = lse, .q = q, .k = k, .v = v, .scale = scale});
    RingAttentionBackward(ring, {.dq = dq,
                                 .dk = dk,
                                 .dv = dv,
                                 .d_o = d_o,
                                 .o = o,
                                 .lse = lse,
                                 .q = q,
                                 .k = k,
                                 .v = v,
                                 .scale = scale});
    ring.compute.Synchronize();
  }

  TensorView q, k, v, d_o, o, dq, dk, dv, lse;
};

// What one call's transfers take by themselves.
void TransferAlone(const TensorView& x, const TensorView& y, int64_t blocks) {
  Communicator& group = *context->groups.context;
  const int size = group.size(), rank = group.rank();
  Stream& stream = *context->streams.context;
  for (int64_t i = 0; i < blocks; ++i) {
    group.SendRecv(stream, x, (rank + 1) % size, y, (rank + size - 1) % size);
  }
  stream.Synchronize();
}

// Forward and backward over state.range(0) tokens, shared by all ranks.
// Counters, in ms: `share` the kernels on the whole sequence by one rank, over
// the number of ranks; `ring`; `alone` the transfers without computation;
// `exposed` what the computation waits, for slower ranks too.
// hidden = 1 - exposed / alone.
void BM_RingAttention(benchmark::State& state) {
  const int size = context->world_size();
  const int64_t seq = state.range(0);
  const DType dtype = state.range(1) == 2 ? DType::kBFloat16 : DType::kFloat32;
  auto arena = Arena::Create(*context->device, kArenaBytes);
  COG_CHECK_OK(arena.status());
  const Layer whole(*arena, dtype, seq), local(*arena, dtype, seq / size);
  const int64_t kv_elements = 2 * seq / size * kHeads * kHeadDim;
  const TensorView x = arena->Allocate(DType::kFloat32, {kv_elements});
  const TensorView y = arena->Allocate(DType::kFloat32, {kv_elements});
  CpuStream& compute = AsCpuStream(*context->streams.compute);
  const ContextRing one = {.compute = compute, .arena = *arena};
  const ContextRing ring = {.group = context->groups.context.get(),
                            .compute = compute,
                            .communication = context->streams.context.get(),
                            .arena = *arena};
  // Float32 blocks a call: two of activations, one of gradients.
  const int64_t blocks = (size - 1) * (2 * SizeOf(dtype) + 4) / 4;
  local.Run(ring);
  double share = 0, shared = 0, alone = 0, exposed = 0;
  for (auto _ : state) {
    double begin = MonotonicSeconds();
    whole.Run(one);
    share += (MonotonicSeconds() - begin) / size;
    context->groups.world->Barrier();
    begin = MonotonicSeconds();
    TransferAlone(x, y, blocks);
    alone += MonotonicSeconds() - begin;
    context->groups.world->Barrier();
    begin = MonotonicSeconds();
    const double waited = compute.waited_seconds();
    local.Run(ring);
    shared += MonotonicSeconds() - begin;
    exposed += compute.waited_seconds() - waited;
  }
  const double ms = 1e3 / state.iterations();
  state.counters["share"] = share * ms;
  state.counters["ring"] = shared * ms;
  state.counters["alone"] = alone * ms;
  state.counters["exposed"] = exposed * ms;
  state.counters["hidden"] = 1 - exposed / alone;
}
BENCHMARK(BM_RingAttention)
    ->ArgNames({"tokens", "bytes"})
    ->ArgsProduct({{1024, 4096, 8192}, {2, 4}})
    ->Iterations(3)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cogdist

int main(int argc, char** argv) {
  return cogdist::testing::RunRankBenchmarks(
      argc, argv, cogdist::MeshAxis::kContext, cogdist::context);
}
