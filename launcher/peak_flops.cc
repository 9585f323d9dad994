#include "launcher/peak_flops.h"

#include <memory>

#include "absl/types/span.h"
#include "kernels/matmul_peak.h"
#include "models/precision.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::StatusOr<double> MeasurePeak(DType dtype, const RankContext& context) {
  if (context.device->type() != DeviceType::kCpu) {
    return MeasureGemmFlops(*context.streams.compute, dtype);
  }
  CpuDevice device;  // not the context's, which counts the run's memory
  const std::unique_ptr<Stream> stream = device.CreateStream();
  return MeasureGemmFlops(*stream, dtype);
}

}  // namespace

absl::StatusOr<double> PeakFlops(const RunConfig& config,
                                 const RankContext& context) {
  double flops = config.peak_tflops() * 1e12;
  if (flops == 0) {
    COG_ASSIGN_OR_RETURN(
        flops, MeasurePeak(ActivationType(config.precision()), context));
  }
  context.groups.world->AllReduceSumHost(absl::MakeSpan(&flops, 1));
  return flops;
}

}  // namespace cogdist
