// What GPUs can do at best, by their vendor's data sheets. The only place for
// such numbers.

#ifndef COGDIST_LAUNCHER_ROOFLINE_GPU_SPECS_H_
#define COGDIST_LAUNCHER_ROOFLINE_GPU_SPECS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace cogdist {

enum class GpuArchitecture { kSm80, kSm90, kSm100 };

struct GpuSpec {
  absl::string_view name;     // as people type it
  absl::string_view product;  // what exactly
  GpuArchitecture architecture;
  int sms;            // streaming multiprocessors
  double clock_hz;    // at which the tensor cores' peak is stated
  double bf16_flops;  // a second: tensor cores, dense, float32 sums
  double fp32_flops;  // a second: without tensor cores
  double memory_bytes_per_second;
  double memory_bytes;
  double l2_bytes;
  double link_bytes_per_second;  // NVLink, all links, one direction

  double ClocksPerSecond() const { return sms * clock_hz; }  // of all SMs
};

// Instructions that an SM issues a clock, counted by thread, and exponentials
// that it finishes, on all architectures above.
inline constexpr double kIssuedPerClock = 4 * 32;
inline constexpr double kExponentialsPerClock = 16;

// All that are known, oldest first.
absl::Span<const GpuSpec> GpuSpecs();

// By name, upper or lower case. InvalidArgument names the nearest one.
absl::StatusOr<GpuSpec> FindGpu(absl::string_view name);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_ROOFLINE_GPU_SPECS_H_
