#include "tests/vgpu/simt/between.h"

namespace cogdist::simt {

std::optional<Conflict> Between::CheckWriter(const Cell& cell,
                                             const char* what) {
  if (past_.Includes(cell.write_block)) return std::nullopt;
  return Conflict{.fault = Fault::kRace,
                  .what = what,
                  .other_code = cell.write_code,
                  .other_operation = cell.write_block};
}

std::optional<Conflict> Between::CheckReaders(const Cell& cell) {
  if (!past_.Includes(cell.read_block)) {
    return Conflict{.fault = Fault::kRace,
                    .what = "write after read",
                    .other_code = cell.read_code,
                    .other_operation = cell.read_block};
  }
  for (const uint32_t member : history_.MembersOf(cell.other_readers)) {
    if (past_.Includes(member)) continue;
    return Conflict{.fault = Fault::kRace,
                    .what = "write after read",
                    .other_operation = member};
  }
  return std::nullopt;
}

void Between::KeepReader(Cell& cell) {
  if (kept_ == 0 || cell.other_readers != kept_from_ ||
      cell.read_block != kept_block_) {
    kept_from_ = cell.other_readers;
    kept_block_ = cell.read_block;
    kept_ = history_.WithMember(kept_from_, kept_block_);
  }
  cell.other_readers = kept_;
}

}  // namespace cogdist::simt
