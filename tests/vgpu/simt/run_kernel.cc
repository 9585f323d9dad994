#include "tests/vgpu/simt/run_kernel.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/vgpu/simt/block.h"

namespace cogdist::simt {
namespace {

std::vector<dim3> ShuffledBlocks(const dim3& grid, const Options& options,
                                 uint32_t first) {
  const unsigned volume = grid.volume();
  const unsigned count =
      options.most_blocks > 0 ? std::min(volume, options.most_blocks) : volume;
  std::vector<dim3> blocks;
  for (unsigned n = count; n > 0; --n) {
    const unsigned i = volume - 1 - (n - 1) * (volume / count);
    blocks.emplace_back(i % grid.x, i / grid.x % grid.y, i / grid.x / grid.y);
  }
  if (options.schedule == Options::Schedule::kInOrder) return blocks;
  Dice dice(options.seed + first);
  for (size_t i = blocks.size(); i > 1; --i) {
    std::swap(blocks[i - 1], blocks[dice.Below(i)]);
  }
  return blocks;
}

}  // namespace

std::optional<Report> CheckShape(const KernelLaunch& launch,
                                 size_t shared_bytes) {
  const dim3 grid = launch.grid, block = launch.block;
  const bool fits = grid.volume() > 0 && block.volume() > 0 &&
                    block.volume() <= kMaxBlockThreads && block.z <= 64 &&
                    grid.x <= kMaxGridX && grid.y <= kMaxGridYZ &&
                    grid.z <= kMaxGridYZ && launch.shared_bytes <= shared_bytes;
  if (fits) return std::nullopt;
  return Report{
      .fault = Fault::kBadLaunch,
      .kernel = SourceAt(OffsetOf(launch.kernel) + 1).function,
      .text = absl::StrCat("grid ", grid.x, " x ", grid.y, " x ", grid.z,
                           ", block ", block.x, " x ", block.y, " x ", block.z,
                           ", ", launch.shared_bytes, " of ", shared_bytes,
                           " bytes of shared memory")};
}

std::optional<Report> RunKernel(Environment& environment,
                                const KernelLaunch& launch,
                                const Origin& origin) {
  DeviceMemory& memory = environment.memory.memory();
  if (!environment.options.checked || !launch.watched) memory.StopWatching();
  const uint32_t first = memory.history().Begin({.stream = origin.stream,
                                                 .sequence = origin.sequence,
                                                 .kernel = launch.kernel},
                                                launch.grid.volume());
  Between between(memory.history(), origin.progress);
  uint32_t number = first;
  for (const dim3& index :
       ShuffledBlocks(launch.grid, environment.options, first)) {
    Block block(environment, launch, {index, number++, first, &between});
    if (auto report = block.Run()) return report;
  }
  return std::nullopt;
}

}  // namespace cogdist::simt
