// Speed of fused attention as a share of what oneDNN's 1024-cubed matrix
// product reaches in the same precision on as many threads in the same run.
// FLOPs are those of a causal mask: 4 T^2 D heads / 2 forward, 2.5 times that
// backward.
//
//   attention_benchmark [--benchmark_filter=forward/bfloat16/64/1024/.*]

#include <benchmark/benchmark.h>
#include <omp.h>

#include <chrono>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/matmul.h"
#include "tests/kernels/attention_reference.h"

namespace cogdist {
namespace {

// FLOP/s of the product, the best of several runs.
double GemmRate(CpuStream& stream, DType dtype) {
  constexpr int64_t kSize = 1024;
  const HostTensor a = RandomTensor(dtype, {kSize, kSize}, 1);
  const HostTensor b = RandomTensor(dtype, {kSize, kSize}, 2);
  const HostTensor c(DType::kFloat32, {kSize, kSize});
  double best = 1e300;
  for (int i = 0; i < 60; ++i) {
    const auto start = std::chrono::steady_clock::now();
    MatMul(stream, {.c = c, .a = a, .b = b});
    const std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now() - start;
    best = std::min(best, seconds.count());
  }
  return 2.0 * kSize * kSize * kSize / best;
}

// Measured once per precision and thread count.
double Anchor(CpuStream& stream, DType dtype, int threads) {
  static auto& rates = *new std::map<std::pair<DType, int>, double>;
  const auto [it, is_new] = rates.emplace(std::pair(dtype, threads), 0);
  if (is_new) it->second = GemmRate(stream, dtype);
  return it->second;
}

struct Case {
  bool backward;
  DType dtype;
  int64_t head_dim;
  int64_t length;
  int threads;
  AttentionKind kind = AttentionKind::kCog;

  std::string Title() const {
    return absl::StrCat(backward ? "backward/" : "forward/", Name(dtype), "/",
                        head_dim, "/", length, "/", threads,
                        kind == AttentionKind::kCog ? "" : "/softmax");
  }
};

void Measure(benchmark::State& state, const Case& c) {
  omp_set_num_threads(c.threads);
  const AttentionCase shape = {
      .batch = 1,
      .q_len = c.length,
      .kv_len = c.length,
      .heads = std::max<int64_t>(4096 / c.length, 2),
      .kv_heads = std::max<int64_t>(4096 / c.length, 2),
      .head_dim = c.head_dim,
      .kind = c.kind,
      .dtype = c.dtype};
  const AttentionTensors x(shape);
  CpuDevice device;
  CpuStream stream(device);
  const double anchor = Anchor(stream, c.dtype, c.threads);
  AttentionForward(stream, x.ForwardArgs(shape));
  for (auto _ : state) {
    if (c.backward) {
      AttentionBackward(stream, x.BackwardArgs(shape));
    } else {
      AttentionForward(stream, x.ForwardArgs(shape));
    }
  }
  const double flops = (c.backward ? 2.5 : 1.0) * 2 * c.length * c.length *
                       c.head_dim * shape.heads * state.iterations();
  using benchmark::Counter;
  state.counters["GFLOP/s"] = Counter(flops / 1e9, Counter::kIsRate);
  state.counters["GEMM_GFLOP/s"] = anchor / 1e9;
  state.counters["ratio"] = Counter(flops / anchor, Counter::kIsRate);
}

void Register(const Case& c) {
  benchmark::RegisterBenchmark(c.Title().c_str(), Measure, c)
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond)
      ->MinTime(0.3);
}

void RegisterAll() {
  for (const bool backward : {false, true}) {
    for (const DType dtype : {DType::kBFloat16, DType::kFloat32}) {
      for (const int64_t head_dim : {64, 128}) {
        for (const int64_t length : {512, 1024, 2048, 4096}) {
          for (const int threads : {1, 2}) {
            Register({backward, dtype, head_dim, length, threads});
          }
        }
      }
    }
  }
  for (const bool backward : {false, true}) {
    Register(
        {backward, DType::kBFloat16, 64, 1024, 1, AttentionKind::kSoftmax});
  }
}

}  // namespace
}  // namespace cogdist

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  cogdist::RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
}
