// The memory of a virtual device: buffers between guard zones, with a shadow,
// and those that have been freed, so that late accesses are told from wild
// ones.

#ifndef COGDIST_TESTS_VGPU_SIMT_DEVICE_MEMORY_H_
#define COGDIST_TESTS_VGPU_SIMT_DEVICE_MEMORY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/vgpu/simt/shadow.h"

namespace cogdist::simt {

class DeviceMemory {
 public:
  static constexpr size_t kGuardBytes = 4096;

  struct Buffer {
    bool Contains(uintptr_t address, size_t size) const {
      return address >= begin && address + size <= begin + bytes;
    }
    // The cells of [address, address + size), which lie within the buffer.
    Cell* CellsOf(uintptr_t address) {
      return &cells[(address - begin) / kCellBytes];
    }

    std::string name;  // for reports
    uintptr_t begin = 0;
    size_t bytes = 0;
    bool freed = false;
    std::vector<Cell> cells;
    std::unique_ptr<unsigned char[]> storage;
  };

  // Uninitialised: filled with 0xff, which is a NaN in every float type.
  // Aligned to 256 bytes, as cudaMalloc's.
  void* Allocate(size_t bytes, std::string name);
  void Free(void* begin);

  // Copies between host and device. Read() says what is wrong, if some of the
  // bytes have never been written.
  void Write(void* to, const void* from, size_t bytes);
  std::optional<Report> Read(void* to, const void* from, size_t bytes);

  // The buffer, alive or freed, that `address` lies in or next to; null if
  // none.
  Buffer* Find(uintptr_t address);

 private:
  Buffer& Owner(const void* address, size_t bytes);

  std::map<uintptr_t, Buffer> buffers_;  // by the begin of the guard before it
  std::array<Buffer*, 4> recent_ = {};
  int next_recent_ = 0;
};

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_DEVICE_MEMORY_H_
