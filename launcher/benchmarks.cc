#include "launcher/benchmarks.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernels/cast.h"
#include "kernels/cog_attention.h"
#include "kernels/matmul_peak.h"
#include "launcher/human_format.h"
#include "launcher/peak_flops.h"
#include "runtime/arena.h"
#include "runtime/clock.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/rng.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// Median seconds of a call, over about half a second.
double MedianSeconds(absl::FunctionRef<void()> call) {
  call();
  std::vector<double> seconds;
  double total = 0;
  while (seconds.size() < 3 || total < 0.5) {
    const double start = MonotonicSeconds();
    call();
    seconds.push_back(MonotonicSeconds() - start);
    total += seconds.back();
  }
  return Median(std::move(seconds));
}

// Causal Cog attention over one sequence.
class AttentionBenchmark {
 public:
  static constexpr int64_t kHeads = 4;

  AttentionBenchmark(Stream& stream, Arena& arena, DType dtype, int64_t seq,
                     int64_t head_dim)
      : stream_(stream), seq_(seq), head_dim_(head_dim) {
    const auto tensor = [&](int seed) {
      const TensorView x = arena.Allocate(dtype, {1, seq, kHeads, head_dim});
      std::vector<float> values(x.num_elements());
      Rng(seed, "bench").FillNormal(absl::MakeSpan(values), 0, 1);
      Cast(stream, {.to = x, .from = TensorView::Of(values.data(), x.shape)});
      return x;
    };
    q_ = tensor(1), k_ = tensor(2), v_ = tensor(3), d_o_ = tensor(4);
    o_ = tensor(5), dq_ = tensor(6), dk_ = tensor(7), dv_ = tensor(8);
    lse_ = arena.Allocate(DType::kFloat32, {1, kHeads, seq});
  }

  double ForwardFlops() const {
    return 4.0 * seq_ * seq_ * head_dim_ * kHeads / 2;
  }

  void Forward() const {
    AttentionForward(
        stream_,
        {.o = o_, .lse = lse_, .q = q_, .k = k_, .v = v_, .scale = Scale()});
  }

  void Backward() const {
    AttentionBackward(stream_, {.dq = dq_,
                                .dk = dk_,
                                .dv = dv_,
                                .d_o = d_o_,
                                .o = o_,
                                .lse = lse_,
                                .q = q_,
                                .k = k_,
                                .v = v_,
                                .scale = Scale()});
  }

 private:
  float Scale() const { return 1 / std::sqrt(static_cast<float>(head_dim_)); }

  Stream& stream_;
  int64_t seq_, head_dim_;
  TensorView q_, k_, v_, o_, lse_, d_o_, dq_, dk_, dv_;
};

absl::Status AddAttention(Stream& stream, DType dtype, double peak,
                          std::vector<BenchmarkRow>& rows) {
  for (const int64_t head_dim : {64, 128}) {
    for (const int64_t seq : {1024, 2048, 4096}) {
      COG_ASSIGN_OR_RETURN(Arena arena,
                           Arena::Create(stream.device(), int64_t{96} << 20));
      const AttentionBenchmark attention(stream, arena, dtype, seq, head_dim);
      const auto add = [&](absl::string_view pass, double flops,
                           double seconds) {
        rows.push_back(
            {.what = absl::StrCat("attention ", pass, " ", Name(dtype), " d",
                                  head_dim, " T", seq),
             .rate = flops / seconds,
             .unit = "FLOP",
             .share = flops / seconds / peak});
      };
      add("forward", attention.ForwardFlops(),
          MedianSeconds([&] { attention.Forward(); }));
      add("backward", 2.5 * attention.ForwardFlops(),
          MedianSeconds([&] { attention.Backward(); }));
    }
  }
  return absl::OkStatus();
}

}  // namespace

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

absl::StatusOr<std::vector<BenchmarkRow>> BenchmarkKernels() {
  std::vector<BenchmarkRow> rows;
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    CpuDevice device;
    const std::unique_ptr<Stream> stream = device.CreateStream();
    COG_ASSIGN_OR_RETURN(const double peak, MeasureGemmFlops(*stream, dtype));
    rows.push_back({.what = absl::StrCat("matmul ", Name(dtype), " 1024"),
                    .rate = peak,
                    .unit = "FLOP",
                    .share = 1});
    COG_RETURN_IF_ERROR(AddAttention(*stream, dtype, peak, rows));
  }
  return rows;
}

absl::StatusOr<std::vector<BenchmarkRow>> BenchmarkCollectives(
    RankContext& context) {
  std::vector<BenchmarkRow> rows;
  Communicator& world = *context.groups.world;
  if (world.size() == 1) return rows;
  for (const int64_t elements : {1 << 14, 1 << 18, 1 << 22, 1 << 24}) {
    COG_ASSIGN_OR_RETURN(Buffer buffer,
                         Buffer::Allocate(*context.device, 4 * elements));
    const TensorView x = buffer.View(DType::kFloat32);
    FillZero(*context.streams.compute, x);
    constexpr int kRepeats = 8;
    std::vector<double> seconds;
    for (int i = 0; i <= kRepeats; ++i) {
      world.Barrier();
      const double start = MonotonicSeconds();
      world.AllReduceSum(*context.streams.replicas, x);
      context.streams.replicas->Synchronize();
      seconds.push_back(MonotonicSeconds() - start);
    }
    seconds.erase(seconds.begin());  // warm-up
    rows.push_back(
        {.what = absl::StrCat("all-reduce float32 ", FormatBytes(x.bytes())),
         .rate = x.bytes() / Median(std::move(seconds)),
         .unit = "byte"});
  }
  return rows;
}

std::string FormatBenchmarks(const std::vector<BenchmarkRow>& rows) {
  std::string text =
      absl::StrFormat("%-46s %14s  %8s\n", "", "per second", "of GEMM");
  for (const BenchmarkRow& row : rows) {
    absl::StrAppendFormat(&text, "%-46s %8s %5s  %8s  %s\n", row.what,
                          row.rate > 0 ? FormatCount(row.rate) : "", row.unit,
                          row.share > 0 ? FormatPercent(row.share) : "",
                          row.notes);
  }
  return text;
}

}  // namespace cogdist
