// What to change in a configuration whose run does not fit into memory.

#ifndef COGDIST_LAUNCHER_MEMORY_REMEDY_H_
#define COGDIST_LAUNCHER_MEMORY_REMEDY_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/types/span.h"
#include "launcher/memory_plan.h"
#include "proto/run_config.pb.h"
#include "runtime/device.h"

namespace cogdist {

// What ranks have to fit into: the memory of their machine, which a CPU's run
// takes for everything, or that of a GPU.
struct MemoryLimit {
  int64_t bytes = 0;
  DeviceType device = DeviceType::kCpu;

  // Of a GPU with so many bytes left, but for what NCCL takes among several
  // ranks and no plan knows: a GiB, a generous guess.
  static MemoryLimit OfGpu(int64_t available_bytes, int world_size) {
    constexpr int64_t kNcclBytes = int64_t{1} << 30;
    const int64_t for_nccl = world_size > 1 ? kNcclBytes : 0;
    return {.bytes = std::max<int64_t>(available_bytes - for_nccl, 0),
            .device = DeviceType::kCuda};
  }

  int64_t NeedOf(const MemoryPlan& plan) const {
    return device == DeviceType::kCuda ? plan.device() : plan.total();
  }
};

// Memory of the ranks that share it, by plan.
struct MemoryNeed {
  int64_t total = 0;
  int64_t largest = 0;  // of one rank
};

// "5 GiB left", of a GPU among several ranks "5 GiB left beside what NCCL
// takes".
std::string FormatLeft(const MemoryLimit& limit, int world_size);

// "5 GiB", or of several ranks "20 GiB (5.1 GiB a rank at most)".
std::string FormatNeed(const MemoryNeed& need, size_t ranks);

struct MemoryRemedy {
  // "parallel.zero_stage: 1 and activation_checkpointing: SELECTIVE"
  std::string changes;
  MemoryNeed need;  // with them
};

// The least change after which `ranks`, those of a job of `world_size` that
// share the memory, fit into `limit`: of one field if that is enough,
// and what costs less time before what costs more. None where nothing that is
// tried helps. `config` is resolved and valid. Plans some dozens of ranks at
// most; those of a pipeline stage are taken to need the same.
std::optional<MemoryRemedy> FindMemoryRemedy(const RunConfig& config,
                                             int world_size,
                                             absl::Span<const int> ranks,
                                             const MemoryLimit& limit);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_MEMORY_REMEDY_H_
