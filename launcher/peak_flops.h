// The yardstick of MFU.

#ifndef COGDIST_LAUNCHER_PEAK_FLOPS_H_
#define COGDIST_LAUNCHER_PEAK_FLOPS_H_

#include "absl/status/statusor.h"
#include "parallel/rank_context.h"
#include "proto/run_config.pb.h"

namespace cogdist {

// FLOP/s that the devices of all ranks together reach in dense matrix products:
// peak_tflops from the configuration, or else measured on every rank at the
// same time, in the run's precision. On hosts that takes memory which the run's
// device does not count; a GPU's is taken from it, for as long as it takes and
// as far as there is any, up to 768 MiB. Collective.
absl::StatusOr<double> PeakFlops(const RunConfig& config,
                                 const RankContext& context);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_PEAK_FLOPS_H_
