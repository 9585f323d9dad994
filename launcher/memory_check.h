// Whether a run fits into the memory of its machine, known before any of it is
// allocated: the system would end a rank that asks for too much without a word.

#ifndef COGDIST_LAUNCHER_MEMORY_CHECK_H_
#define COGDIST_LAUNCHER_MEMORY_CHECK_H_

#include <cstdint>

#include "absl/status/status.h"
#include "parallel/rank_context.h"
#include "proto/run_config.pb.h"

namespace cogdist {

// Host memory that this process and its peers can still take: what the system
// calls available (MemAvailable), within the limit of the control group, if
// there is one. The largest number where the system does not tell.
int64_t AvailableMemoryBytes();

// OK if all ranks of this machine fit into `available_bytes` by the plan of the
// training run `config`, resolved and valid. InvalidArgument says how much they
// need, and what to set so that they fit, if that can be helped.
absl::Status CheckMemory(const RunConfig& config, const Placement& placement,
                         int64_t available_bytes);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_MEMORY_CHECK_H_
