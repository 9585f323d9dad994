// Speed of every kernel but attention at the shapes of a training step: hidden
// 512, ffn 1408, vocabulary 4096, 4096 tokens. Products report their share of
// the rate of 1024-cubed products, the others GB/s of the memory they must
// touch and their share of what a large memory copy moves. OMP_NUM_THREADS
// sets the threads.

#include <array>
#include <functional>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "benchmark/benchmark.h"
#include "kernels/adamw.h"
#include "kernels/cast.h"
#include "kernels/cross_entropy.h"
#include "kernels/elementwise.h"
#include "kernels/embedding.h"
#include "kernels/matmul.h"
#include "kernels/matmul_peak.h"
#include "kernels/reduce.h"
#include "kernels/rmsnorm.h"
#include "kernels/rope.h"
#include "kernels/swiglu.h"
#include "runtime/buffer.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist {
namespace {

constexpr int64_t kTokens = 4096, kHidden = 512, kFfn = 1408, kVocab = 4096;

// A device with the tensors of one benchmark, filled with small numbers.
class Bench {
 public:
  TensorView Tensor(DType dtype, const Shape& shape) {
    const int64_t bytes = shape.num_elements() * SizeOf(dtype);
    buffers_.push_back(*Buffer::Allocate(device_, bytes));
    const TensorView result(buffers_.back().data(), dtype, shape);
    if (dtype == DType::kInt32) {
      for (int64_t i = 0; i < shape.num_elements(); ++i) {
        result.Data<int32_t>()[i] = i * 977 % kVocab;
      }
      return result;
    }
    std::vector<float> numbers(shape.num_elements());
    for (size_t i = 0; i < numbers.size(); ++i) {
      numbers[i] = static_cast<float>(i * 167 % 256) / 256 - 0.5f;
    }
    Cast(stream, {.to = result, .from = TensorView::Of(numbers.data(), shape)});
    return result;
  }

 private:
  CpuDevice device_;
  std::vector<Buffer> buffers_;

 public:
  CpuStream stream{device_};
};

// Bytes per second of copying 256 MiB, reads and writes counted.
double CopyRate() {
  static const double rate = [] {
    Bench bench;
    const CastArgs args = {.to = bench.Tensor(DType::kFloat32, {1 << 26}),
                           .from = bench.Tensor(DType::kFloat32, {1 << 26})};
    double best = 0;
    for (int run = 0; run < 4; ++run) {
      const absl::Time start = absl::Now();
      Cast(bench.stream, args);
      const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
      best = std::max(best, 2.0 * args.to.bytes() / seconds);
    }
    return best;
  }();
  return rate;
}

double Peak(DType dtype) {
  static const std::array<double, 2> peaks = [] {
    CpuDevice device;
    CpuStream stream(device);
    return std::array<double, 2>{*MeasureGemmFlops(stream, DType::kFloat32),
                                 *MeasureGemmFlops(stream, DType::kBFloat16)};
  }();
  return peaks[dtype == DType::kBFloat16 ? 1 : 0];
}

benchmark::Counter PerSecond(double amount) {
  return benchmark::Counter(amount,
                            benchmark::Counter::kIsIterationInvariantRate);
}

enum class Pass { kForward, kInputGradient, kWeightGradient };

struct Layer {
  const char* name;
  int64_t out, in;
};

void Product(benchmark::State& state, DType dtype, const Layer& layer,
             Pass pass, MatMulBlocking blocking) {
  const auto [name, out, in] = layer;
  Bench bench;
  const TensorView x = bench.Tensor(dtype, {kTokens, in});
  const TensorView y = bench.Tensor(dtype, {kTokens, out});
  const TensorView w = bench.Tensor(dtype, {out, in});
  const TensorView dw = bench.Tensor(DType::kFloat32, {out, in});
  MatMulArgs args = {.c = y, .a = x, .b = w, .transpose_b = true};
  if (pass == Pass::kInputGradient) args = {.c = x, .a = y, .b = w};
  if (pass == Pass::kWeightGradient) {
    args = {.c = dw, .a = y, .b = x, .transpose_a = true, .accumulate = true};
  }
  args.blocking = blocking;
  const double flops = 2.0 * kTokens * out * in;
  const double peak = Peak(dtype);
  MatMul(bench.stream, args);
  for (auto _ : state) MatMul(bench.stream, args);
  state.counters["FLOP/s"] = PerSecond(flops);
  state.counters["of_peak"] = PerSecond(flops / peak);
}

// A kernel that must touch `bytes` of memory.
void MemoryBound(benchmark::State& state, Bench& bench, double bytes,
                 const std::function<void(Stream&)>& run) {
  const double copy = CopyRate();
  run(bench.stream);
  for (auto _ : state) run(bench.stream);
  state.counters["B/s"] = PerSecond(bytes);
  state.counters["of_copy"] = PerSecond(bytes / copy);
}

void RmsNormForwardOf(benchmark::State& state, DType dtype) {
  Bench bench;
  const Shape shape = {kTokens, kHidden};
  const RmsNormForwardArgs args = {
      .y = bench.Tensor(dtype, shape),
      .rstd = bench.Tensor(DType::kFloat32, {kTokens}),
      .sum = bench.Tensor(dtype, shape),
      .x = bench.Tensor(dtype, shape),
      .residual = bench.Tensor(dtype, shape),
      .gain = bench.Tensor(dtype, {kHidden})};
  MemoryBound(state, bench, 4.0 * args.y.bytes(),
              [&](Stream& stream) { RmsNormForward(stream, args); });
}

void RmsNormBackwardOf(benchmark::State& state, DType dtype) {
  Bench bench;
  const Shape shape = {kTokens, kHidden};
  const RmsNormBackwardArgs args = {
      .dx = bench.Tensor(dtype, shape),
      .dgain = bench.Tensor(DType::kFloat32, {kHidden}),
      .dy = bench.Tensor(dtype, shape),
      .x = bench.Tensor(dtype, shape),
      .gain = bench.Tensor(dtype, {kHidden}),
      .rstd = bench.Tensor(DType::kFloat32, {kTokens}),
      .residual_gradient = bench.Tensor(dtype, shape)};
  MemoryBound(state, bench, 4.0 * args.dx.bytes(),
              [&](Stream& stream) { RmsNormBackward(stream, args); });
}

void SwiGluForwardOf(benchmark::State& state, DType dtype) {
  Bench bench;
  const SwiGluForwardArgs args = {
      .y = bench.Tensor(dtype, {kTokens, kFfn}),
      .gate_up = bench.Tensor(dtype, {kTokens, 2 * kFfn})};
  MemoryBound(state, bench, 3.0 * args.y.bytes(),
              [&](Stream& stream) { SwiGluForward(stream, args); });
}

void SwiGluBackwardOf(benchmark::State& state, DType dtype) {
  Bench bench;
  const SwiGluBackwardArgs args = {
      .d_gate_up = bench.Tensor(dtype, {kTokens, 2 * kFfn}),
      .dy = bench.Tensor(dtype, {kTokens, kFfn}),
      .gate_up = bench.Tensor(dtype, {kTokens, 2 * kFfn})};
  MemoryBound(state, bench, 5.0 * args.dy.bytes(),
              [&](Stream& stream) { SwiGluBackward(stream, args); });
}

void RopeOf(benchmark::State& state, DType dtype) {
  Bench bench;
  std::vector<float> table = RopeTable(512, 64, 10000);
  const RopeArgs args = {.x = bench.Tensor(dtype, {8, 512, 8, 64}),
                         .table = TensorView::Of(table.data(), {2, 512, 32})};
  MemoryBound(state, bench, 2.0 * args.x.bytes(),
              [&](Stream& stream) { Rope(stream, args); });
}

void EmbeddingForwardOf(benchmark::State& state, DType dtype) {
  Bench bench;
  const EmbeddingForwardArgs args = {
      .y = bench.Tensor(dtype, {kTokens, kHidden}),
      .table = bench.Tensor(dtype, {kVocab, kHidden}),
      .ids = bench.Tensor(DType::kInt32, {kTokens})};
  MemoryBound(state, bench, 2.0 * args.y.bytes(),
              [&](Stream& stream) { EmbeddingForward(stream, args); });
}

void EmbeddingBackwardOf(benchmark::State& state, DType dtype) {
  Bench bench;
  const EmbeddingBackwardArgs args = {
      .dtable = bench.Tensor(DType::kFloat32, {kVocab, kHidden}),
      .dy = bench.Tensor(dtype, {kTokens, kHidden}),
      .ids = bench.Tensor(DType::kInt32, {kTokens})};
  MemoryBound(state, bench, args.dy.bytes() + 8.0 * kTokens * kHidden,
              [&](Stream& stream) { EmbeddingBackward(stream, args); });
}

void CrossEntropyOf(benchmark::State& state, DType dtype) {
  Bench bench;
  const CrossEntropyArgs args = {
      .loss = bench.Tensor(DType::kFloat32, {1024}),
      .dlogits = bench.Tensor(dtype, {1024, kVocab}),
      .logits = bench.Tensor(DType::kFloat32, {1024, kVocab}),
      .targets = bench.Tensor(DType::kInt32, {1024})};
  MemoryBound(state, bench, args.logits.bytes() + args.dlogits.bytes(),
              [&](Stream& stream) { CrossEntropy(stream, args); });
}

void AdamWOf(benchmark::State& state, DType dtype) {
  Bench bench;
  const Shape shape = {1 << 24};
  AdamWArgs args = {.param = bench.Tensor(DType::kFloat32, shape),
                    .m = bench.Tensor(DType::kFloat32, shape),
                    .v = bench.Tensor(DType::kFloat32, shape),
                    .gradient = bench.Tensor(DType::kFloat32, shape),
                    .lr = 1e-3};
  if (dtype == DType::kBFloat16) args.weight = bench.Tensor(dtype, shape);
  FillZero(bench.stream, args.v);
  const double weight_bytes = args.weight ? args.weight.bytes() : 0;
  MemoryBound(state, bench, 7.0 * args.param.bytes() + weight_bytes,
              [&](Stream& stream) { AdamW(stream, args); });
}

void CastOf(benchmark::State& state, DType from) {
  Bench bench;
  const DType to = from == DType::kFloat32 ? DType::kBFloat16 : DType::kFloat32;
  const CastArgs args = {.to = bench.Tensor(to, {1 << 24}),
                         .from = bench.Tensor(from, {1 << 24})};
  MemoryBound(state, bench, args.to.bytes() + args.from.bytes(),
              [&](Stream& stream) { Cast(stream, args); });
}

void AddOf(benchmark::State& state, DType dtype) {
  Bench bench;
  const AddArgs args = {.y = bench.Tensor(dtype, {1 << 24}),
                        .x = bench.Tensor(dtype, {1 << 24})};
  MemoryBound(state, bench, 3.0 * args.y.bytes(),
              [&](Stream& stream) { Add(stream, args); });
}

void SumOfSquaresOf(benchmark::State& state, DType dtype) {
  Bench bench;
  const TensorView x = bench.Tensor(dtype, {1 << 24});
  std::vector<double> sums(NumReduceChunks(x.num_elements()));
  const int64_t chunks = sums.size();
  const ChunkSumsOfSquaresArgs args = {
      .out = TensorView::Of(sums.data(), {chunks}), .x = x};
  MemoryBound(state, bench, x.bytes(),
              [&](Stream& stream) { ChunkSumsOfSquares(stream, args); });
}

void RegisterProducts(DType dtype, const char* prefix,
                      MatMulBlocking blocking) {
  for (const Layer& layer :
       {Layer{"qkv", 3 * kHidden, kHidden}, Layer{"o", kHidden, kHidden},
        Layer{"gate_up", 2 * kFfn, kHidden}, Layer{"down", kHidden, kFfn},
        Layer{"head", kVocab, kHidden}}) {
    for (const auto& [pass, name] : {std::pair(Pass::kForward, "forward"),
                                     std::pair(Pass::kInputGradient, "dx"),
                                     std::pair(Pass::kWeightGradient, "dw")}) {
      benchmark::RegisterBenchmark(
          absl::StrCat(prefix, layer.name, "/", name, "/", Name(dtype)).c_str(),
          Product, dtype, layer, pass, blocking)
          ->UseRealTime();
    }
  }
}

void RegisterAll() {
  using Function = void (*)(benchmark::State&, DType);
  constexpr std::pair<const char*, Function> kMemoryBound[] = {
      {"rmsnorm/forward", RmsNormForwardOf},
      {"rmsnorm/backward", RmsNormBackwardOf},
      {"swiglu/forward", SwiGluForwardOf},
      {"swiglu/backward", SwiGluBackwardOf},
      {"rope", RopeOf},
      {"embedding/forward", EmbeddingForwardOf},
      {"embedding/backward", EmbeddingBackwardOf},
      {"cross_entropy", CrossEntropyOf},
      {"adamw", AdamWOf},
      {"cast_from", CastOf},
      {"add", AddOf}};
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    RegisterProducts(dtype, "matmul/", MatMulBlocking::kFastest);
    RegisterProducts(dtype, "matmul_fixed/", MatMulBlocking::kFixed);
    for (const auto& [name, function] : kMemoryBound) {
      benchmark::RegisterBenchmark(absl::StrCat(name, "/", Name(dtype)).c_str(),
                                   function, dtype)
          ->UseRealTime();
    }
  }
  benchmark::RegisterBenchmark("sum_of_squares/float32", SumOfSquaresOf,
                               DType::kFloat32)
      ->UseRealTime();
}

}  // namespace
}  // namespace cogdist

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  cogdist::RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
