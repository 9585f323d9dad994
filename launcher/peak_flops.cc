#include "launcher/peak_flops.h"

#include <memory>

#include "absl/types/span.h"
#include "kernels/matmul_peak.h"
#include "models/precision.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<double> PeakFlops(const RunConfig& config,
                                 const RankContext& context) {
  double flops = config.peak_tflops() * 1e12;
  if (flops == 0) {
    CpuDevice device;  // not the context's, which counts the run's memory
    const std::unique_ptr<Stream> stream = device.CreateStream();
    COG_ASSIGN_OR_RETURN(
        flops, MeasureGemmFlops(*stream, ActivationType(config.precision())));
  }
  context.groups.world->AllReduceSumHost(absl::MakeSpan(&flops, 1));
  return flops;
}

}  // namespace cogdist
