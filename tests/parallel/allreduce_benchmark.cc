// All-reduce between processes: alone, in both orders of summation, and behind
// computation.
//   mpirun -np 2 build/parallel_allreduce_benchmark
// Rank 0 reports. Every rank runs the same, fixed number of iterations.

#include <benchmark/benchmark.h>

#include <cstring>
#include <utility>

#include "kernels/matmul.h"
#include "parallel/rank_context.h"
#include "runtime/buffer.h"
#include "runtime/check.h"
#include "runtime/clock.h"
#include "tests/testing/rank_benchmark.h"

namespace cogdist {
namespace {

RankContext* context = nullptr;  // of this process, set by main

TensorView Zeroed(Buffer& buffer, int64_t bytes) {
  absl::StatusOr<Buffer> memory = Buffer::Allocate(*context->device, bytes);
  COG_CHECK_OK(memory.status());
  buffer = *std::move(memory);
  std::memset(buffer.data(), 0, bytes);
  return buffer.View(DType::kFloat32);
}

// A matrix product of about 2 ms on one core, as in a layer's backward pass.
class Product {
 public:
  Product() {
    x_ = Zeroed(buffers_[0], kSize * kSize * 4).Reshape({kSize, kSize});
    w_ = Zeroed(buffers_[1], kSize * kSize * 4).Reshape({kSize, kSize});
    y_ = Zeroed(buffers_[2], kSize * kSize * 4).Reshape({kSize, kSize});
  }
  void Run() { MatMul(*context->streams.compute, {.c = y_, .a = x_, .b = w_}); }

 private:
  static constexpr int64_t kSize = 512;
  Buffer buffers_[3];
  TensorView x_, w_, y_;
};

// One all-reduce of `x`, waited for.
void AllReduceAlone(const TensorView& x, SumOrder order = SumOrder::kRing) {
  context->groups.replicas->AllReduceSum(*context->streams.replicas, x, order);
  context->streams.replicas->Synchronize();
}

// Payload bytes per second, and those that cross each rank's wire.
void BM_AllReduce(benchmark::State& state, SumOrder order) {
  const int ranks = context->world_size();
  if (order == SumOrder::kPairwise && (ranks & (ranks - 1)) != 0) {
    state.SkipWithError("pairwise sums need a power of two of ranks");
    return;
  }
  Buffer buffer;
  const TensorView x = Zeroed(buffer, state.range(0));
  AllReduceAlone(x, order);
  for (auto _ : state) AllReduceAlone(x, order);
  const double bytes = static_cast<double>(x.bytes()) * state.iterations();
  state.counters["payload"] =
      benchmark::Counter(bytes, benchmark::Counter::kIsRate);
  state.counters["wire"] = benchmark::Counter(bytes * 2 * (ranks - 1) / ranks,
                                              benchmark::Counter::kIsRate);
}
void AllReduceSizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(64 << 10)
      ->Arg(1 << 20)
      ->Arg(25 << 20)
      ->Arg(100 << 20)
      ->Iterations(20)
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(BM_AllReduce, ring, SumOrder::kRing)->Apply(AllReduceSizes);
BENCHMARK_CAPTURE(BM_AllReduce, pairwise, SumOrder::kPairwise)
    ->Apply(AllReduceSizes);

// An all-reduce behind `state.range(1)` matrix products. Counters, in ms:
// `alone` the same collective without them, `compute` the products without it,
// `exposed` the wait after the products, `poll` what else the products took
// longer. hidden = 1 - exposed / alone.
void BM_Overlapped(benchmark::State& state) {
  Buffer buffer;
  const TensorView x = Zeroed(buffer, state.range(0));
  Product product;
  const auto compute = [&] {
    for (int i = 0; i < state.range(1); ++i) product.Run();
  };
  compute();
  AllReduceAlone(x);
  double alone = 0, computing = 0, exposed = 0, together = 0;
  for (auto _ : state) {
    context->groups.world->Barrier();
    double begin = MonotonicSeconds();
    compute();
    computing += MonotonicSeconds() - begin;
    context->groups.world->Barrier();
    begin = MonotonicSeconds();
    AllReduceAlone(x);
    alone += MonotonicSeconds() - begin;
    context->groups.world->Barrier();
    begin = MonotonicSeconds();
    context->groups.replicas->AllReduceSum(*context->streams.replicas, x);
    compute();
    const double computed = MonotonicSeconds();
    context->streams.replicas->Synchronize();
    exposed += MonotonicSeconds() - computed;
    together += MonotonicSeconds() - begin;
  }
  const double ms = 1e3 / state.iterations();
  state.counters["alone"] = alone * ms;
  state.counters["compute"] = computing * ms;
  state.counters["together"] = together * ms;
  state.counters["exposed"] = exposed * ms;
  state.counters["poll"] = (together - computing - exposed) * ms;
  state.counters["hidden"] = 1 - exposed / alone;
}
BENCHMARK(BM_Overlapped)
    ->Args({25 << 20, 20})
    ->Args({25 << 20, 40})
    ->Args({100 << 20, 40})
    ->Args({100 << 20, 100})
    ->Iterations(10)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// What one idle look at the streams costs, with nothing under way.
void BM_Progress(benchmark::State& state) {
  for (auto _ : state) context->device->Progress();
}
BENCHMARK(BM_Progress)->Iterations(100000);

}  // namespace
}  // namespace cogdist

int main(int argc, char** argv) {
  return cogdist::testing::RunRankBenchmarks(
      argc, argv, cogdist::MeshAxis::kData, cogdist::context);
}
