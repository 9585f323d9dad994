#include "tests/vgpu/runtime/footprint.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/vgpu/runtime/machine.h"
#include "tests/vgpu/runtime/stream.h"

namespace cogdist::vgpu {

using simt::Cell;

Footprint::Footprint(const Stream& stream, const char* call)
    : stream_(stream),
      call_(call),
      memory_(stream.machine().memory(stream.device())),
      watched_(memory_.memory().watched()) {}

Cell* Footprint::CellsOf(const void* memory) {
  const auto address = reinterpret_cast<uintptr_t>(memory);
  return memory_.Find(address)->CellsOf(address);
}

void Footprint::Read(const void* memory, int64_t bytes) {
  if (bytes == 0 || reported_ || !watched_) return;
  const Cell* const cells = CellsOf(memory);
  const Cell* const end = cells + simt::CellsOf(bytes);
  const Cell* const unwritten = std::find_if(
      cells, end, [](const Cell& cell) { return !cell.initialised; });
  if (unwritten == end) return;
  reported_ = true;
  const auto address = reinterpret_cast<uintptr_t>(memory);
  const auto& buffer = *memory_.Find(address);
  stream_.machine().Report(absl::StrCat(
      call_, ": uninitialised read of byte ",
      address - buffer.begin + (unwritten - cells) * simt::kCellBytes, " of ",
      buffer.name, "\n  on ", stream_.ToString()));
}

void Footprint::Write(const void* memory, int64_t bytes) {
  if (bytes == 0 || !watched_) return;
  std::fill_n(CellsOf(memory), simt::CellsOf(bytes), Cell{.initialised = true});
}

void Footprint::Copy(const void* to, const void* from, int64_t bytes) {
  if (bytes == 0 || !watched_) return;
  std::transform(
      CellsOf(from), CellsOf(from) + simt::CellsOf(bytes), CellsOf(to),
      [](const Cell& cell) { return Cell{.initialised = cell.initialised}; });
}

}  // namespace cogdist::vgpu
