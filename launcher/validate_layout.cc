#include <limits>

#include "launcher/config.h"
#include "launcher/validate_rules.h"

namespace cogdist {
namespace {

void CheckBatch(const RunConfig& config, int64_t data_ranks, Faults& faults) {
  const int64_t global = config.batch().global_batch_size();
  const int64_t micro = SequencesPerPass(config);
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

// With this many rows, the bytes of the widest layer's activations still fit 64
// bits, so that the memory plan can say what is too much for the machine.
void CheckTokensOfAPass(const RunConfig& config, Faults& faults) {
  constexpr int64_t kMaxTokens = std::numeric_limits<int32_t>::max();
  const int64_t micro = config.batch().micro_batch_size();
  const int64_t seq_len = config.data().seq_len();
  if (micro < 1 || seq_len < 1 || seq_len > kMaxTokens) return;
  if (micro <= kMaxTokens / seq_len) return;
  faults.Add("batch.micro_batch_size", micro, " sequences of ", seq_len,
             " tokens are too many for one forward pass; use ",
             kMaxTokens / seq_len, " or less");
}

}  // namespace

void CheckLayout(const RunConfig& config, int64_t world_size, Faults& faults) {
  CheckTokensOfAPass(config, faults);
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
  CheckBatch(config, world_size / ranks_per_replica, faults);
}

}  // namespace cogdist
