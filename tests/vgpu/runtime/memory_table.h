// The memory of one virtual device, or the machine's pinned memory: who owns
// which bytes, and who did.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_MEMORY_TABLE_H_
#define COGDIST_TESTS_VGPU_RUNTIME_MEMORY_TABLE_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace cogdist::vgpu {

// Addresses are never used twice, freed memory can no longer be touched, and
// after every block comes a page that cannot be touched either: whoever strays
// there without asking dies at once. Fresh memory is all ones, which in every
// floating-point type is a NaN. Thread-safe.
class MemoryTable {
 public:
  enum class Owner {
    kNobody,  // not of this table
    kBlock,   // within one block
    kBeyond,  // begins in a block and ends outside
    kFreed,   // in a block that is gone
  };
  struct Finding {
    Owner owner = Owner::kNobody;
    int64_t block_bytes = 0;  // of the block
    int64_t offset = 0;       // in it
  };

  explicit MemoryTable(int64_t limit) : limit_(limit) {}
  ~MemoryTable();
  MemoryTable(const MemoryTable&) = delete;

  // Aligned to 256 bytes. Null if the limit would be passed.
  void* Allocate(int64_t bytes);
  // False if `memory` does not begin a block.
  bool Free(void* memory);
  Finding Find(const void* memory, int64_t bytes) const;

  int64_t limit() const { return limit_; }
  int64_t current_bytes() const;
  int64_t peak_bytes() const;  // the most at any time
  // Blocks that were never freed.
  int64_t live_blocks() const;

 private:
  struct Block {
    int64_t bytes = 0;
    char* map = nullptr;  // whole pages, the guard page included
    int64_t map_bytes = 0;
    bool freed = false;
  };

  const int64_t limit_;
  mutable std::mutex mutex_;
  std::map<const char*, Block> blocks_;
  int64_t current_ = 0;
  int64_t peak_ = 0;
};

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_RUNTIME_MEMORY_TABLE_H_
