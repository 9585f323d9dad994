#include "tests/vgpu/simt/shadow.h"

namespace cogdist::simt {

std::optional<Conflict> Shadow::Read(Cell& cell, const Actor& actor) {
  if (cell.in_flight) {
    return Conflict{Fault::kInFlight, "read of a copy's destination",
                    cell.writer, cell.write_code};
  }
  if (!cell.initialised) return Conflict{Fault::kUninitialised, "read"};
  if (auto conflict = CheckWriter(cell, actor, "read after write")) {
    return conflict;
  }
  AddReader(cell, actor);
  return std::nullopt;
}

std::optional<Conflict> Shadow::Write(Cell& cell, const Actor& actor) {
  if (cell.in_flight) {
    return Conflict{Fault::kInFlight, "write to a copy's destination",
                    cell.writer, cell.write_code};
  }
  if (auto conflict = CheckWriter(cell, actor, "write after write")) {
    return conflict;
  }
  if (auto conflict = CheckReaders(cell, actor)) return conflict;
  cell.write_block = block_;
  cell.write_stamp = clocks_.Now(actor.thread / kWarpSize);
  cell.write_code = actor.code;
  cell.writer = actor.thread;
  cell.read_block = cell.other_readers = 0;
  cell.read_by_blocks = cell.mixed_stamps = false;
  cell.initialised = true;
  return std::nullopt;
}

// Nothing orders blocks of a launch.
std::optional<Conflict> Shadow::CheckWriter(const Cell& cell,
                                            const Actor& actor,
                                            const char* what) {
  if (!SameLaunch(cell.write_block)) return between_.CheckWriter(cell, what);
  const bool other_block = cell.write_block != block_;
  if (!other_block &&
      clocks_.Ordered(actor.thread, cell.writer, cell.write_stamp)) {
    return std::nullopt;
  }
  return Conflict{Fault::kRace, what, cell.writer, cell.write_code,
                  other_block};
}

// Where a block of this launch has read last, readers of other streams may be
// known besides.
std::optional<Conflict> Shadow::CheckReaders(const Cell& cell,
                                             const Actor& actor) {
  if (!SameLaunch(cell.read_block) || cell.other_readers != 0) {
    if (auto conflict = between_.CheckReaders(cell)) return conflict;
  }
  if (!SameLaunch(cell.read_block)) return std::nullopt;
  const bool other_block = cell.read_block != block_ || cell.read_by_blocks;
  if (!other_block && ReadersOrdered(cell, actor.thread)) return std::nullopt;
  return Conflict{Fault::kRace, "write after read", cell.reader, cell.read_code,
                  other_block};
}

// REQUIRES: they are of this block.
bool Shadow::ReadersOrdered(const Cell& cell, int thread) const {
  if (cell.read_warp == Cell::kSeveralWarps) {
    return clocks_.barriers() > cell.read_stamp;
  }
  if (!cell.mixed_stamps) {
    return clocks_.Ordered(thread, cell.read_warp, cell.read_lanes,
                           cell.read_stamp);
  }
  const auto& stamps = lane_stamps_.at(&cell);
  for (int lane = 0; lane < kWarpSize; ++lane) {
    const int reader = cell.read_warp * kWarpSize + lane;
    if ((cell.read_lanes >> lane & 1) != 0 &&
        !clocks_.Ordered(thread, reader, stamps[lane])) {
      return false;
    }
  }
  return true;
}

// Readers that the new one is ordered after need not be remembered: what is
// ordered after it is ordered after them.
void Shadow::AddReader(Cell& cell, const Actor& actor) {
  const int warp = actor.thread / kWarpSize, lane = actor.thread % kWarpSize;
  const Stamp now = clocks_.Now(warp);
  const bool same_block = cell.read_block == block_;
  if (!same_block) {
    cell.read_by_blocks = SameLaunch(cell.read_block);
    if (!cell.read_by_blocks) between_.SupersedeReader(cell);
    cell.read_block = block_;
  }
  cell.reader = actor.thread;
  cell.read_code = actor.code;
  // Nothing orders reads of one time: the others stay.
  if (same_block && cell.read_warp == warp && cell.read_stamp == now &&
      !cell.mixed_stamps) {
    cell.read_lanes |= 1u << lane;
  } else if (!same_block || ReadersOrdered(cell, actor.thread)) {
    cell.read_warp = warp;
    cell.read_lanes = 1u << lane;
    cell.read_stamp = now;
    cell.mixed_stamps = false;
  } else if (cell.read_warp == warp) {
    AddLane(cell, lane, now);
  } else {
    cell.read_warp = Cell::kSeveralWarps;
    cell.read_stamp = clocks_.barriers();
  }
}

void Shadow::AddLane(Cell& cell, int lane, Stamp now) {
  if (now != cell.read_stamp && !cell.mixed_stamps) {
    cell.mixed_stamps = true;
    lane_stamps_[&cell].fill(cell.read_stamp);
  }
  if (cell.mixed_stamps) lane_stamps_[&cell][lane] = now;
  cell.read_lanes |= 1u << lane;
}

}  // namespace cogdist::simt
