#include "tests/vgpu/simt/emulator.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cogdist::simt {
namespace {

std::optional<Report> CheckShape(const KernelLaunch& launch) {
  const dim3 grid = launch.grid, block = launch.block;
  const bool fits = grid.volume() > 0 && block.volume() > 0 &&
                    block.volume() <= kMaxBlockThreads && block.z <= 64 &&
                    grid.y <= kMaxGridYZ && grid.z <= kMaxGridYZ &&
                    launch.shared_bytes <= kMaxSharedBytes;
  if (fits) return std::nullopt;
  return Report{.fault = Fault::kBadLaunch,
                .kernel = SourceAt(OffsetOf(launch.kernel) + 1).function,
                .text = absl::StrCat(
                    "grid ", grid.x, " x ", grid.y, " x ", grid.z, ", block ",
                    block.x, " x ", block.y, " x ", block.z, ", ",
                    launch.shared_bytes, " bytes of shared memory")};
}

std::vector<dim3> ShuffledBlocks(const dim3& grid, const Options& options,
                                 uint32_t first) {
  std::vector<dim3> blocks;
  for (unsigned i = 0; i < grid.volume(); ++i) {
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

void Emulator::Enqueue(const KernelLaunch& launch) {
  if (auto report = CheckShape(launch)) return AddReport(*std::move(report));
  const uint32_t first = next_block_;
  for (const dim3& index :
       ShuffledBlocks(launch.grid, environment_.options, first)) {
    Block block(environment_, launch, {index, next_block_++, first});
    if (auto report = block.Run()) return AddReport(*std::move(report));
  }
}

}  // namespace cogdist::simt
