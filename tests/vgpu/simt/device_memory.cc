#include "tests/vgpu/simt/device_memory.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"

namespace cogdist::simt {
namespace {

constexpr size_t kAlignment = 256;

bool InReach(const DeviceMemory::Buffer& buffer, uintptr_t address) {
  return address + DeviceMemory::kGuardBytes >= buffer.begin &&
         address < buffer.begin + buffer.bytes + DeviceMemory::kGuardBytes;
}

}  // namespace

void* DeviceMemory::Allocate(size_t bytes, std::string name) {
  Buffer buffer;
  const size_t storage_bytes = bytes + 2 * kGuardBytes + kAlignment;
  buffer.storage = std::make_unique<unsigned char[]>(storage_bytes);
  std::memset(buffer.storage.get(), 0xff, storage_bytes);
  const auto low = reinterpret_cast<uintptr_t>(buffer.storage.get());
  buffer.begin = (low + kGuardBytes + kAlignment - 1) / kAlignment * kAlignment;
  buffer.bytes = bytes;
  buffer.name = std::move(name);
  buffer.cells.resize((bytes + kCellBytes - 1) / kCellBytes);
  const uintptr_t begin = buffer.begin;
  buffers_.emplace(begin - kGuardBytes, std::move(buffer));
  return reinterpret_cast<void*>(begin);
}

void DeviceMemory::Free(void* begin) {
  Buffer& buffer = Owner(begin, 0);
  COG_CHECK(!buffer.freed, "freed twice");
  buffer.freed = true;
}

void DeviceMemory::Write(void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  Buffer& buffer = Owner(to, bytes);
  std::memcpy(to, from, bytes);
  Cell* const cells = buffer.CellsOf(reinterpret_cast<uintptr_t>(to));
  for (size_t i = 0; i < (bytes + kCellBytes - 1) / kCellBytes; ++i) {
    cells[i] = Cell{.initialised = true};
  }
}

std::optional<Report> DeviceMemory::Read(void* to, const void* from,
                                         size_t bytes) {
  if (bytes == 0) return std::nullopt;
  Buffer& buffer = Owner(from, bytes);
  std::memcpy(to, from, bytes);
  Cell* const cells = buffer.CellsOf(reinterpret_cast<uintptr_t>(from));
  for (size_t i = 0; i < (bytes + kCellBytes - 1) / kCellBytes; ++i) {
    if (cells[i].initialised) continue;
    return Report{.fault = Fault::kUninitialised,
                  .text = absl::StrCat("the host reads byte ", i * kCellBytes,
                                       " of ", bytes, " of '", buffer.name,
                                       "', which nobody has written")};
  }
  return std::nullopt;
}

DeviceMemory::Buffer* DeviceMemory::Find(uintptr_t address) {
  for (Buffer* buffer : recent_) {
    if (buffer != nullptr && buffer->Contains(address, 1)) return buffer;
  }
  auto after = buffers_.upper_bound(address);
  if (after == buffers_.begin()) return nullptr;
  Buffer& buffer = std::prev(after)->second;
  if (!InReach(buffer, address)) return nullptr;
  recent_[next_recent_++ % recent_.size()] = &buffer;
  return &buffer;
}

DeviceMemory::Buffer& DeviceMemory::Owner(const void* address, size_t bytes) {
  Buffer* const buffer = Find(reinterpret_cast<uintptr_t>(address));
  COG_CHECK(buffer != nullptr &&
                buffer->Contains(reinterpret_cast<uintptr_t>(address), bytes),
            "not device memory");
  return *buffer;
}

}  // namespace cogdist::simt
