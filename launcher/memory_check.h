// Whether a run fits into the memory of its machine, known before any of it is
// allocated: the system would end a rank that asks for too much without a word.

#ifndef COGDIST_LAUNCHER_MEMORY_CHECK_H_
#define COGDIST_LAUNCHER_MEMORY_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "launcher/memory_plan.h"
#include "launcher/memory_remedy.h"
#include "parallel/communicator.h"
#include "parallel/rank_context.h"
#include "proto/run_config.pb.h"
#include "runtime/device.h"

namespace cogdist {

// Host memory that this process and its peers can still take: what the system
// calls available (MemAvailable), within the limit of the control group, if
// there is one. The largest number where the system does not tell.
int64_t AvailableMemoryBytes();

// The plan of a rank, and the lowest rank on its machine.
struct PlacedPlan {
  int node = 0;
  StepPlan plan;
};

// Every rank plans its own part of the training run `config`, resolved and
// valid, on a `device`. All of them, by rank. Collective.
absl::StatusOr<std::vector<PlacedPlan>> GatherPlans(const RunConfig& config,
                                                    const Placement& placement,
                                                    Communicator& world,
                                                    DeviceType device);

struct AvailableMemory {
  int64_t host = 0;            // for all ranks of this machine together
  std::optional<int64_t> gpu;  // this rank's own, where it computes on one
};

// What there is before a run takes any, on `device` and its machine.
AvailableMemory AvailableTo(const Device& device);

// OK if this rank fits into its GPU, or the ranks on this rank's machine fit
// into its memory together; on GPUs they take copies for checkpoints from it.
// InvalidArgument says how much they need; on the lowest of the ranks that
// share the memory, also what to set so that they fit, if that can be helped
// (memory_remedy.h).
absl::Status CheckMemory(const RunConfig& config, const Placement& placement,
                         absl::Span<const PlacedPlan> plans,
                         const AvailableMemory& available);

// "set ..., with which N is needed", or what else to do.
std::string MemoryAdvice(const RunConfig& config, int world_size,
                         absl::Span<const int> ranks, const MemoryLimit& limit);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_MEMORY_CHECK_H_
