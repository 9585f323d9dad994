#include "tests/vgpu/simt/device_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"

namespace cogdist::simt {
namespace {

constexpr size_t kAlignment = 256;
constexpr size_t kPage = 4096;

size_t RoundUp(size_t bytes, size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

// Address space without memory behind it yet.
void* Reserve(size_t bytes, int protection) {
  void* const map = mmap(nullptr, bytes, protection,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  COG_CHECK(map != MAP_FAILED, "no address space for ", bytes, " bytes");
  return map;
}

bool InReach(const DeviceMemory::Buffer& buffer, uintptr_t address) {
  return address + DeviceMemory::kGuardBytes >= buffer.begin &&
         address < buffer.begin + buffer.bytes + DeviceMemory::kGuardBytes;
}

size_t CellBytes(const DeviceMemory::Buffer& buffer) {
  return std::max<size_t>(CellsOf(buffer.bytes), 1) * sizeof(Cell);
}

void ReleaseCells(DeviceMemory::Buffer& buffer) {
  if (buffer.cells != nullptr) munmap(buffer.cells, CellBytes(buffer));
  buffer.cells = nullptr;
}

}  // namespace

DeviceMemory::DeviceMemory(const Options& options)
    : options_(options), watched_(options.shadow) {}

DeviceMemory::~DeviceMemory() {
  for (const auto& [begin, buffer] : buffers_) {
    ReleaseCells(*buffer);
    munmap(buffer->map, buffer->map_bytes);
  }
}

void* DeviceMemory::Allocate(size_t bytes, std::string name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (static_cast<int64_t>(bytes) > options_.limit - current_) return nullptr;
  auto buffer = std::make_unique<Buffer>();
  buffer->name = std::move(name);
  buffer->bytes = bytes;
  // Ends where the guard page begins, as far as alignment lets it.
  const size_t used = RoundUp(std::max<size_t>(bytes, 1), kAlignment);
  const size_t data_bytes = RoundUp(used, kPage);
  buffer->map_bytes = kPage + data_bytes + kPage;
  buffer->map = Reserve(buffer->map_bytes, PROT_NONE);
  char* const data = static_cast<char*>(buffer->map) + kPage;
  COG_CHECK_EQ(mprotect(data, data_bytes, PROT_READ | PROT_WRITE), 0);
  char* const begin = data + data_bytes - used;
  std::memset(begin, 0xff, used);
  buffer->begin = reinterpret_cast<uintptr_t>(begin);
  if (options_.shadow) {
    buffer->cells =
        static_cast<Cell*>(Reserve(CellBytes(*buffer), PROT_READ | PROT_WRITE));
  }
  current_ += static_cast<int64_t>(bytes);
  peak_ = std::max(peak_, current_);
  buffers_.emplace(reinterpret_cast<uintptr_t>(buffer->map), std::move(buffer));
  return begin;
}

bool DeviceMemory::Free(void* begin) {
  const auto address = reinterpret_cast<uintptr_t>(begin);
  Buffer* const buffer = Find(address);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (buffer == nullptr || buffer->begin != address || buffer->freed) {
    return false;
  }
  // The pages go back to the system; their addresses stay taken.
  madvise(buffer->map, buffer->map_bytes, MADV_DONTNEED);
  mprotect(buffer->map, buffer->map_bytes, PROT_NONE);
  ReleaseCells(*buffer);
  buffer->freed = true;
  current_ -= static_cast<int64_t>(buffer->bytes);
  return true;
}

void DeviceMemory::Write(void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  const Buffer& buffer = Owner(to, bytes);
  std::memcpy(to, from, bytes);
  Cell* const cells = buffer.CellsOf(reinterpret_cast<uintptr_t>(to));
  std::fill_n(cells, CellsOf(bytes), Cell{.initialised = true});
}

std::optional<Report> DeviceMemory::Read(void* to, const void* from,
                                         size_t bytes) {
  if (bytes == 0) return std::nullopt;
  const Buffer& buffer = Owner(from, bytes);
  std::memcpy(to, from, bytes);
  if (!watched()) return std::nullopt;
  const Cell* const cells = buffer.CellsOf(reinterpret_cast<uintptr_t>(from));
  for (size_t i = 0; i < CellsOf(bytes); ++i) {
    if (cells[i].initialised) continue;
    return Report{.fault = Fault::kUninitialised,
                  .text = absl::StrCat("the host reads byte ", i * kCellBytes,
                                       " of ", bytes, " of '", buffer.name,
                                       "', which nobody has written")};
  }
  return std::nullopt;
}

DeviceMemory::Buffer* DeviceMemory::Find(uintptr_t address) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto after = buffers_.upper_bound(address);
  if (after == buffers_.begin()) return nullptr;
  Buffer& buffer = *std::prev(after)->second;
  return InReach(buffer, address) ? &buffer : nullptr;
}

int64_t DeviceMemory::current_bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return current_;
}

int64_t DeviceMemory::peak_bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return peak_;
}

int64_t DeviceMemory::live_blocks() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::count_if(buffers_.begin(), buffers_.end(),
                       [](const auto& entry) { return !entry.second->freed; });
}

DeviceMemory::Buffer& DeviceMemory::Owner(const void* address, size_t bytes) {
  Buffer* const buffer = Find(reinterpret_cast<uintptr_t>(address));
  COG_CHECK(buffer != nullptr &&
                buffer->Contains(reinterpret_cast<uintptr_t>(address), bytes),
            "not device memory");
  return *buffer;
}

}  // namespace cogdist::simt
