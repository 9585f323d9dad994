#include "launcher/validate_rules.h"

namespace cogdist {
namespace {

void CheckBatch(const BatchConfig& batch, int64_t data_ranks, Faults& faults) {
  const int64_t global = batch.global_batch_size();
  const int64_t micro = batch.micro_batch_size();
  if (global < 1 || micro < 1) return;
  if (global % data_ranks != 0) {
    faults.Add("batch.global_batch_size", global,
               " sequences cannot be shared evenly by ", data_ranks,
               " data-parallel ranks; use ",
               NearestMultiples(global, data_ranks));
  } else if (global / data_ranks % micro != 0) {
    faults.Add("batch.micro_batch_size", micro, " does not divide the ",
               global / data_ranks, " sequences of a rank (global_batch_size ",
               global, " / ", data_ranks, " data-parallel ranks); use ",
               NearestDivisors(micro, global / data_ranks));
  }
}

}  // namespace

void CheckLayout(const RunConfig& config, int64_t world_size, Faults& faults) {
  const ParallelConfig& parallel = config.parallel();
  if (parallel.tensor() < 1 || parallel.pipeline() < 1 ||
      parallel.context() < 1) {
    return;
  }
  const int64_t ranks_per_replica =
      parallel.tensor() * parallel.pipeline() * parallel.context();
  if (world_size % ranks_per_replica != 0) {
    faults.Add("parallel", world_size,
               " ranks cannot be shared out by tensor * pipeline * context = ",
               ranks_per_replica, "; start ",
               NearestMultiples(world_size, ranks_per_replica), " ranks");
    return;
  }
  CheckBatch(config.batch(), world_size / ranks_per_replica, faults);
}

}  // namespace cogdist
