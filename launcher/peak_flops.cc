#include "launcher/peak_flops.h"

#include <memory>

#include "absl/types/span.h"
#include "kernels/matmul_peak.h"
#include "models/precision.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/status_macros.h"

namespace cogdist {

namespace {

// Of this rank's device.
absl::StatusOr<double> Measure(Device& device, DType dtype) {
  if (device.type() == DeviceType::kCpu) {
    CpuDevice other;  // one that counts for itself
    return MeasureGemmFlops(*other.CreateStream(), dtype);
  }
  // Enough to keep a GPU busy, where there is room.
  constexpr int64_t kLarge = 4096;
  constexpr int64_t kBytes = 3 * kLarge * kLarge * SizeOf(DType::kFloat32);
  const std::unique_ptr<Stream> stream = device.CreateStream();
  return device.AvailableBytes() > 2 * kBytes
             ? MeasureGemmFlops(*stream, dtype, kLarge)
             : MeasureGemmFlops(*stream, dtype);
}

}  // namespace

absl::StatusOr<double> PeakFlops(const RunConfig& config,
                                 const RankContext& context) {
  double flops = config.peak_tflops() * 1e12;
  if (flops == 0) {
    COG_ASSIGN_OR_RETURN(
        flops, Measure(*context.device, ActivationType(config.precision())));
  }
  context.groups.world->AllReduceSumHost(absl::MakeSpan(&flops, 1));
  return flops;
}

}  // namespace cogdist
