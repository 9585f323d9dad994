#include "tests/vgpu/runtime/memory_table.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "runtime/check.h"

namespace cogdist::vgpu {
namespace {

constexpr int64_t kAlignment = 256;
constexpr int64_t kPage = 4096;

int64_t RoundUp(int64_t bytes, int64_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

MemoryTable::~MemoryTable() {
  for (const auto& [memory, block] : blocks_) {
    munmap(block.map, block.map_bytes);
  }
}

void* MemoryTable::Allocate(int64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (bytes > limit_ - current_) return nullptr;
  // The block ends where the guard page begins, as far as alignment lets it.
  const int64_t used = RoundUp(std::max<int64_t>(bytes, 1), kAlignment);
  const int64_t data_bytes = RoundUp(used, kPage);
  Block block{.bytes = bytes, .map_bytes = data_bytes + kPage};
  void* const map = mmap(nullptr, block.map_bytes, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) return nullptr;
  block.map = static_cast<char*>(map);
  COG_CHECK_EQ(mprotect(map, data_bytes, PROT_READ | PROT_WRITE), 0);
  char* const memory = block.map + data_bytes - used;
  std::memset(memory, 0xff, used);
  blocks_[memory] = block;
  current_ += bytes;
  peak_ = std::max(peak_, current_);
  return memory;
}

bool MemoryTable::Free(void* memory) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = blocks_.find(static_cast<const char*>(memory));
  if (found == blocks_.end() || found->second.freed) return false;
  Block& block = found->second;
  // The pages go back to the system; their addresses stay taken.
  madvise(block.map, block.map_bytes, MADV_DONTNEED);
  mprotect(block.map, block.map_bytes, PROT_NONE);
  block.freed = true;
  current_ -= block.bytes;
  return true;
}

MemoryTable::Finding MemoryTable::Find(const void* memory,
                                       int64_t bytes) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const char* const begin = static_cast<const char*>(memory);
  auto next = blocks_.upper_bound(begin);
  if (next == blocks_.begin()) return {};
  const auto& [base, block] = *std::prev(next);
  if (begin >= block.map + block.map_bytes) return {};
  Finding finding{.block_bytes = block.bytes, .offset = begin - base};
  finding.owner = block.freed                            ? Owner::kFreed
                  : finding.offset + bytes > block.bytes ? Owner::kBeyond
                                                         : Owner::kBlock;
  return finding;
}

int64_t MemoryTable::current_bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return current_;
}

int64_t MemoryTable::peak_bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return peak_;
}

int64_t MemoryTable::live_blocks() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::count_if(blocks_.begin(), blocks_.end(),
                       [](const auto& entry) { return !entry.second.freed; });
}

}  // namespace cogdist::vgpu
