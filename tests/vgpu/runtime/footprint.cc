#include "tests/vgpu/runtime/footprint.h"

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/vgpu/runtime/machine.h"
#include "tests/vgpu/runtime/stream.h"

namespace cogdist::vgpu {

using simt::Cell;
using simt::Conflict;

Footprint::Footprint(Stream& stream, const char* call)
    : stream_(stream),
      call_(call),
      memory_(stream.machine().memory(stream.device())),
      watched_(memory_.memory().watched()),
      origin_(stream.BeginOperation()),
      between_(memory_.memory().history(), origin_.progress) {
  if (!watched_) return;
  number_ = memory_.memory().history().Begin(
      {.stream = origin_.stream, .sequence = origin_.sequence, .call = call},
      /*blocks=*/1);
}

// f(cell) of all cells until it says what is wrong with one.
template <typename F>
void Footprint::ForCells(const void* memory, int64_t bytes, const F& f) {
  if (bytes == 0 || !watched_) return;
  const auto address = reinterpret_cast<uintptr_t>(memory);
  const auto& buffer = *memory_.Find(address);
  Cell* const cells = buffer.CellsOf(address);
  for (size_t i = 0; i < simt::CellsOf(bytes); ++i) {
    if (const std::optional<Conflict> conflict = f(cells[i])) {
      Report(
          *conflict,
          absl::StrCat("byte ", address - buffer.begin + i * simt::kCellBytes,
                       " of ", buffer.name));
    }
  }
}

void Footprint::Report(const Conflict& conflict, const std::string& place) {
  if (reported_) return;
  reported_ = true;
  std::string text = absl::StrCat(call_, ": ", Name(conflict.fault), ": ",
                                  conflict.what, " of ", place);
  if (conflict.other_operation != 0) {
    const simt::History& history = memory_.memory().history();
    absl::StrAppend(&text, " by ",
                    history.Of(conflict.other_operation).ToString(),
                    ", which nothing orders with this call");
  }
  stream_.machine().Report(absl::StrCat(text, "\n  on ", stream_.ToString()));
}

std::optional<Conflict> Footprint::ReadCell(Cell& cell) {
  auto conflict = between_.CheckWriter(cell, "read after write");
  if (cell.read_block == number_) return conflict;
  between_.SupersedeReader(cell);
  cell.read_block = number_;
  cell.read_by_blocks = cell.mixed_stamps = false;
  cell.read_code = 0;
  return conflict;
}

std::optional<Conflict> Footprint::WriteCell(Cell& cell, bool initialised) {
  auto conflict = between_.CheckWriter(cell, "write after write");
  if (!conflict) conflict = between_.CheckReaders(cell);
  cell = Cell{.write_block = number_, .initialised = initialised};
  return conflict;
}

void Footprint::Read(const void* memory, int64_t bytes) {
  ForCells(memory, bytes, [this](Cell& cell) {
    auto conflict = ReadCell(cell);
    if (!conflict && !cell.initialised) {
      conflict = Conflict{.fault = simt::Fault::kUninitialised, .what = "read"};
    }
    return conflict;
  });
}

void Footprint::Write(const void* memory, int64_t bytes) {
  ForCells(memory, bytes, [this](Cell& cell) { return WriteCell(cell, true); });
}

void Footprint::Copy(const void* to, const void* from, int64_t bytes) {
  std::vector<bool> initialised;
  initialised.reserve(simt::CellsOf(bytes));
  ForCells(from, bytes, [&](Cell& cell) {
    initialised.push_back(cell.initialised);
    return ReadCell(cell);
  });
  size_t i = 0;
  ForCells(to, bytes,
           [&](Cell& cell) { return WriteCell(cell, initialised[i++]); });
}

}  // namespace cogdist::vgpu
