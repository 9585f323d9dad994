// Speed of fused attention as a share of what oneDNN's 1024-cubed matrix
// product reaches in the same precision on as many threads. The two take turns,
// so that both see the same clock rate, and their medians are compared. FLOPs
// are those of a causal mask: 4 T^2 D heads / 2 forward, 2.5 times that
// backward.
//
//   attention_benchmark [--benchmark_filter=forward/bfloat16/64/1024/.*]

#include <benchmark/benchmark.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "kernels/matmul.h"
#include "tests/kernels/attention_reference.h"

namespace cogdist {
namespace {

// The product that attention is compared with.
class Gemm {
 public:
  explicit Gemm(DType dtype)
      : a_(RandomTensor(dtype, {kSize, kSize}, 1)),
        b_(RandomTensor(dtype, {kSize, kSize}, 2)),
        c_(DType::kFloat32, {kSize, kSize}) {}

  static double Flops() { return 2.0 * kSize * kSize * kSize; }
  void Run(CpuStream& stream) const {
    MatMul(stream, {.c = c_, .a = a_, .b = b_});
  }

 private:
  static constexpr int64_t kSize = 1024;
  const HostTensor a_, b_, c_;
};

double SecondsOf(absl::FunctionRef<void()> call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  const std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  return seconds.count();
}

double Median(std::vector<double>& values) {
  const auto middle = values.begin() + values.size() / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
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
  const Gemm gemm(c.dtype);
  AttentionForward(stream, x.ForwardArgs(shape));
  gemm.Run(stream);  // generates the code
  std::vector<double> seconds, gemm_seconds;
  for (auto _ : state) {
    gemm_seconds.push_back(SecondsOf([&] { gemm.Run(stream); }));
    seconds.push_back(SecondsOf([&] {
      if (c.backward) {
        AttentionBackward(stream, x.BackwardArgs(shape));
      } else {
        AttentionForward(stream, x.ForwardArgs(shape));
      }
    }));
    state.SetIterationTime(seconds.back());
  }
  const double rate = (c.backward ? 2.5 : 1.0) * 2 * c.length * c.length *
                      c.head_dim * shape.heads / Median(seconds);
  const double gemm_rate = Gemm::Flops() / Median(gemm_seconds);
  state.counters["GFLOP/s"] = rate / 1e9;
  state.counters["GEMM_GFLOP/s"] = gemm_rate / 1e9;
  state.counters["ratio"] = rate / gemm_rate;
}

void Register(const Case& c) {
  benchmark::RegisterBenchmark(c.Title().c_str(), Measure, c)
      ->UseManualTime()
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
