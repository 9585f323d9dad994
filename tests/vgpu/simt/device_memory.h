// The memory of a virtual device, or pinned memory of the host: blocks between
// pages that cannot be touched, what they are called in reports, a shadow, and
// those that have been freed, so that late accesses are told from wild ones.

#ifndef COGDIST_TESTS_VGPU_SIMT_DEVICE_MEMORY_H_
#define COGDIST_TESTS_VGPU_SIMT_DEVICE_MEMORY_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "tests/vgpu/simt/cell.h"
#include "tests/vgpu/simt/history.h"
#include "tests/vgpu/simt/report.h"

namespace cogdist::simt {

// Addresses are never used twice. Whoever touches freed memory or strays beyond
// a block without asking dies at once. Fresh memory is all ones, which in every
// floating-point type is a NaN.
//
// Thread-safe but for the contents of blocks and shadow, whose users take
// turns.
class DeviceMemory {
 public:
  // What lies within this distance of a block is near it, for reports.
  static constexpr size_t kGuardBytes = 4096;

  struct Buffer {
    bool Contains(uintptr_t address, size_t size) const {
      return address >= begin && address + size <= begin + bytes;
    }
    // The cells of [address, address + size), which lie within the buffer.
    Cell* CellsOf(uintptr_t address) const {
      return &cells[(address - begin) / kCellBytes];
    }

    std::string name;  // for reports
    uintptr_t begin = 0;
    size_t bytes = 0;
    std::atomic<bool> freed{false};
    Cell* cells = nullptr;  // null without a shadow
    // The pages of all this, guards included.
    void* map = nullptr;
    size_t map_bytes = 0;
  };

  struct Options {
    int64_t limit = int64_t{1} << 40;  // bytes
    bool shadow = true;
  };
  explicit DeviceMemory(const Options& options);
  DeviceMemory() : DeviceMemory(Options{}) {}
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;

  // Aligned to 256 bytes. Null if the limit would be passed.
  void* Allocate(size_t bytes, std::string name);
  // False if no living block begins there.
  bool Free(void* begin);

  // Copies between host and device. Read() says what is wrong, if some of the
  // bytes have never been written. REQUIRES: a shadow.
  void Write(void* to, const void* from, size_t bytes);
  std::optional<Report> Read(void* to, const void* from, size_t bytes);

  // The buffer, alive or freed, that `address` lies in or near; null if none.
  // Buffers stay where they are for as long as the memory exists.
  Buffer* Find(uintptr_t address) const;

  // Does the shadow know of all that was written? No more once a kernel has run
  // that does not tell.
  bool watched() const { return watched_.load(std::memory_order_relaxed); }
  void StopWatching() { watched_.store(false, std::memory_order_relaxed); }
  // Of the operations on it; for whose turn it is to work on the memory.
  History& history() { return history_; }

  int64_t limit() const { return options_.limit; }
  int64_t current_bytes() const;
  int64_t peak_bytes() const;  // the most at any time
  // Blocks that were never freed.
  int64_t live_blocks() const;

 private:
  Buffer& Owner(const void* address, size_t bytes);

  const Options options_;
  std::atomic<bool> watched_;
  History history_;
  mutable std::mutex mutex_;                              // of the following
  std::map<uintptr_t, std::unique_ptr<Buffer>> buffers_;  // by their map
  int64_t current_ = 0;
  int64_t peak_ = 0;
};

// Remembers what was found last. Used by one thread at a time.
class BufferCache {
 public:
  explicit BufferCache(DeviceMemory& memory) : memory_(&memory) {}

  DeviceMemory& memory() const { return *memory_; }
  DeviceMemory::Buffer* Find(uintptr_t address) {
    for (DeviceMemory::Buffer* buffer : recent_) {
      if (buffer != nullptr && buffer->Contains(address, 1)) return buffer;
    }
    DeviceMemory::Buffer* const found = memory_->Find(address);
    if (found != nullptr) recent_[next_++ % recent_.size()] = found;
    return found;
  }

 private:
  DeviceMemory* memory_;
  std::array<DeviceMemory::Buffer*, 4> recent_ = {};
  unsigned next_ = 0;
};

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_DEVICE_MEMORY_H_
