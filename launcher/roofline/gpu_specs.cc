#include "launcher/roofline/gpu_specs.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "launcher/nearest_name.h"

namespace cogdist {
namespace {

constexpr double kMiB = 1 << 20;

// A100: NVIDIA A100 data sheet. H100, H200: data sheets and Hopper white paper;
// the clock is the one that 989 TFLOP/s imply, below the highest of 1.98 GHz,
// for which the float32 rate is stated. B200: HGX B200 data sheet, a GPU's
// share, and likewise.
constexpr GpuSpec kSpecs[] = {
    {.name = "A100",
     .product = "A100 SXM 80 GB",
     .architecture = GpuArchitecture::kSm80,
     .sms = 108,
     .clock_hz = 1.41e9,
     .bf16_flops = 312e12,
     .fp32_flops = 19.5e12,
     .memory_bytes_per_second = 2.039e12,
     .memory_bytes = 80e9,
     .l2_bytes = 40 * kMiB,
     .link_bytes_per_second = 300e9},
    {.name = "H100",
     .product = "H100 SXM 80 GB",
     .architecture = GpuArchitecture::kSm90,
     .sms = 132,
     .clock_hz = 1.83e9,
     .bf16_flops = 989.4e12,
     .fp32_flops = 66.9e12,
     .memory_bytes_per_second = 3.35e12,
     .memory_bytes = 80e9,
     .l2_bytes = 50 * kMiB,
     .link_bytes_per_second = 450e9},
    {.name = "H200",
     .product = "H200 SXM 141 GB",
     .architecture = GpuArchitecture::kSm90,
     .sms = 132,
     .clock_hz = 1.83e9,
     .bf16_flops = 989.4e12,
     .fp32_flops = 66.9e12,
     .memory_bytes_per_second = 4.8e12,
     .memory_bytes = 141e9,
     .l2_bytes = 50 * kMiB,
     .link_bytes_per_second = 450e9},
    {.name = "B200",
     .product = "B200 SXM 180 GB",
     .architecture = GpuArchitecture::kSm100,
     .sms = 148,
     .clock_hz = 1.856e9,
     .bf16_flops = 2250e12,
     .fp32_flops = 75e12,
     .memory_bytes_per_second = 8e12,
     .memory_bytes = 180e9,
     .l2_bytes = 126 * kMiB,
     .link_bytes_per_second = 900e9},
};

}  // namespace

absl::Span<const GpuSpec> GpuSpecs() { return kSpecs; }

absl::StatusOr<GpuSpec> FindGpu(absl::string_view name) {
  std::vector<std::string> names;
  for (const GpuSpec& spec : kSpecs) {
    if (absl::EqualsIgnoreCase(spec.name, name)) return spec;
    names.emplace_back(spec.name);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "no GPU \"", name, "\" is known; did you mean ", NearestName(name, names),
      "? Known: ", absl::StrJoin(names, ", ")));
}

}  // namespace cogdist
