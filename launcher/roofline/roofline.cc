#include "launcher/roofline/roofline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace cogdist {
namespace {

// FLOP a clock of an SM. On Ampere mma.sync is the only way to the tensor
// cores. Hopper's peak needs wgmma; microbenchmarks see mma.sync at 62 % of it
// (Luo et al., "Benchmarking and Dissecting the Nvidia Hopper GPU Architecture
// via Microbenchmarking", 2024). FlashAttention-2 is as fast on a B200 as on an
// H100 per SM and clock, so that is taken for Blackwell, too.
constexpr double kMmaSyncLimit = 0.62 * 4096;

// What is left of it within attention, which also has to load its operands from
// shared memory. One number for A100, H100 and B200, as FlashAttention-2's
// published rates suggest. wgmma, which loads by itself, loses nothing there.
constexpr double kMmaSyncAttained = 1495;

// cuBLAS, of the peak: fitted to XLA's measurements on an H100.
constexpr double kLibraryShare = 0.85;

// Large copies and element-wise kernels, of the memory's bandwidth: what is
// usual, not fitted to anything.
constexpr double kMemoryShare = 0.9;

// From one kernel to the next in a stream.
constexpr double kLaunchSeconds = 6e-6;

double FlopsPerClockLimit(ProductPath path, const GpuSpec& gpu) {
  const double tensor_cores = gpu.bf16_flops / gpu.ClocksPerSecond();
  switch (path) {
    case ProductPath::kLibraryFloat32:
      return gpu.fp32_flops / gpu.ClocksPerSecond();
    case ProductPath::kMmaSync:
      return std::min(tensor_cores, kMmaSyncLimit);
    case ProductPath::kLibrary:
    case ProductPath::kWgmma:
    case ProductPath::kNone:
      break;
  }
  return tensor_cores;
}

double FlopsPerClockAttained(ProductPath path, const GpuSpec& gpu) {
  switch (path) {
    case ProductPath::kMmaSync:
      return kMmaSyncAttained;
    case ProductPath::kLibrary:
    case ProductPath::kLibraryFloat32:
      return kLibraryShare * FlopsPerClockLimit(path, gpu);
    case ProductPath::kWgmma:
    case ProductPath::kNone:
      break;
  }
  return FlopsPerClockLimit(path, gpu);
}

// The part of the SMs that is busy, over all waves.
double WaveUtilization(double tiles, const GpuSpec& gpu) {
  return tiles == 0 ? 1 : tiles / (std::ceil(tiles / gpu.sms) * gpu.sms);
}

// Arithmetic without matrix products is on the float32 units.
double ArithmeticSeconds(const KernelCost& cost, const GpuSpec& gpu) {
  const double issued =
      cost.instructions / kIssuedPerClock / gpu.ClocksPerSecond();
  return cost.path == ProductPath::kNone
             ? std::max(issued, cost.flops / gpu.fp32_flops)
             : issued;
}

double MemorySeconds(const KernelCost& cost, const GpuSpec& gpu) {
  return cost.bytes / gpu.memory_bytes_per_second;
}

double ExponentialSeconds(const KernelCost& cost, const GpuSpec& gpu) {
  return cost.exponentials / kExponentialsPerClock / gpu.ClocksPerSecond();
}

double ProductSeconds(const KernelCost& cost, const GpuSpec& gpu) {
  return cost.product_flops / FlopsPerClockLimit(cost.path, gpu) /
         gpu.ClocksPerSecond();
}

double AttainedSeconds(const KernelCost& cost, const GpuSpec& gpu) {
  const double clocks = cost.product_flops /
                            FlopsPerClockAttained(cost.path, gpu) /
                            WaveUtilization(cost.product_tiles, gpu) +
                        (cost.instructions + cost.lost_slots) / kIssuedPerClock;
  return clocks * (1 + cost.startup) / gpu.ClocksPerSecond();
}

}  // namespace

absl::string_view Name(Bound bound) {
  switch (bound) {
    case Bound::kProducts:
      return "products";
    case Bound::kExponentials:
      return "exponentials";
    case Bound::kInstructions:
      return "instructions";
    case Bound::kMemory:
      return "memory";
  }
  return "?";
}

Prediction Predict(const KernelCost& cost, const GpuSpec& gpu) {
  const std::array<std::pair<Bound, double>, 4> bounds = {{
      {Bound::kProducts, ProductSeconds(cost, gpu)},
      {Bound::kExponentials, ExponentialSeconds(cost, gpu)},
      {Bound::kInstructions, ArithmeticSeconds(cost, gpu)},
      {Bound::kMemory, MemorySeconds(cost, gpu)},
  }};
  const auto& [bound, bound_seconds] = *std::max_element(
      bounds.begin(), bounds.end(),
      [](const auto& a, const auto& b) { return a.second < b.second; });
  const double working = std::max({bound_seconds, AttainedSeconds(cost, gpu),
                                   MemorySeconds(cost, gpu) / kMemoryShare});
  return {.bound = bound,
          .bound_seconds = bound_seconds,
          .seconds = working + kLaunchSeconds};
}

}  // namespace cogdist
