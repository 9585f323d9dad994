#include "launcher/bench/kernel_timer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_format.h"
#include "kernels/cast.h"
#include "kernels/matmul_peak.h"
#include "launcher/bench/device_tensors.h"
#include "runtime/clock.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

constexpr double kBatchSeconds = 2e-3;
constexpr double kMaxCalls = 1000;  // of a batch

double SecondsOfBatch(Stream& stream, int64_t calls,
                      absl::FunctionRef<void()> call) {
  const double start = MonotonicSeconds();
  for (int64_t i = 0; i < calls; ++i) call();
  stream.Synchronize();
  return MonotonicSeconds() - start;
}

}  // namespace

double SecondsOfACall(Stream& stream, double least_seconds,
                      absl::FunctionRef<void()> call) {
  SecondsOfBatch(stream, 1, call);  // code and workspaces are made
  const double once = SecondsOfBatch(stream, 1, call);
  const auto calls = static_cast<int64_t>(
      std::clamp(std::ceil(kBatchSeconds / once), 1.0, kMaxCalls));
  std::vector<double> seconds;
  double total = 0;
  while (seconds.size() < 3 || total < least_seconds) {
    const double batch = SecondsOfBatch(stream, calls, call);
    seconds.push_back(batch / calls);
    total += batch;
  }
  return Median(std::move(seconds));
}

absl::StatusOr<Yardsticks> MeasureYardsticks(Stream& stream, DType dtype,
                                             int64_t copied_elements) {
  Yardsticks yardsticks;
  COG_ASSIGN_OR_RETURN(yardsticks.gemm_flops, MeasureGemmFlops(stream, dtype));
  DeviceTensors tensors(stream);
  const CastArgs copy = {
      .to = tensors.Zeros(DType::kFloat32, {copied_elements}),
      .from = tensors.Normal(DType::kFloat32, {copied_elements})};
  COG_RETURN_IF_ERROR(tensors.status());
  const double seconds =
      SecondsOfACall(stream, 0.2, [&] { Cast(stream, copy); });
  yardsticks.copy_bytes = 2 * copy.to.bytes() / seconds;
  return yardsticks;
}

void KernelTimer::Time(std::string what, const KernelCost& cost,
                       absl::FunctionRef<void()> call) {
  const double seconds = SecondsOfACall(stream_, least_seconds_, call);
  const bool products = cost.path != ProductPath::kNone;
  const double rate = (products ? cost.flops : cost.bytes) / seconds;
  const double yardstick =
      products ? yardsticks_.gemm_flops : yardsticks_.copy_bytes;
  rows_.push_back({.what = std::move(what),
                   .rate = rate,
                   .unit = products ? "FLOP" : "byte",
                   .share = rate / yardstick,
                   .share_of = products ? "GEMM" : "copy",
                   .notes = absl::StrFormat("%.3f ms", 1e3 * seconds)});
}

}  // namespace cogdist
