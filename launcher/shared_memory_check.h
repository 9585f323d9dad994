// Whether the kernels of a model find the shared memory that their blocks want,
// which differs from GPU to GPU, known before the first of them is launched.

#ifndef COGDIST_LAUNCHER_SHARED_MEMORY_CHECK_H_
#define COGDIST_LAUNCHER_SHARED_MEMORY_CHECK_H_

#include "absl/status/status.h"
#include "proto/run_config.pb.h"
#include "runtime/device.h"

namespace cogdist {

enum class Passes { kForward, kForwardAndBackward };

// InvalidArgument names the field, what its kernel wants and what `device` has.
// The configuration is resolved.
absl::Status CheckSharedMemory(const RunConfig& config, Passes passes,
                               const Device& device);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_SHARED_MEMORY_CHECK_H_
