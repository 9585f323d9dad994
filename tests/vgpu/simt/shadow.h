// Shadow memory: for every two bytes of shared or device memory, who wrote and
// read it last. Finds races, uninitialised reads and touched copies in flight,
// whatever order the schedule happened to choose.

#ifndef COGDIST_TESTS_VGPU_SIMT_SHADOW_H_
#define COGDIST_TESTS_VGPU_SIMT_SHADOW_H_

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "tests/vgpu/simt/between.h"
#include "tests/vgpu/simt/cell.h"
#include "tests/vgpu/simt/clocks.h"
#include "tests/vgpu/simt/conflict.h"
#include "tests/vgpu/simt/source_line.h"

namespace cogdist::simt {

// Who accesses.
struct Actor {
  int thread;
  CodeOffset code;
};

// The rules, from the view of one block.
class Shadow {
 public:
  // Blocks from `first_block` on belong to the running launch; for what was
  // before there is `between`.
  Shadow(const Clocks& clocks, Between& between, uint32_t block,
         uint32_t first_block)
      : clocks_(clocks),
        between_(between),
        block_(block),
        first_block_(first_block) {}

  std::optional<Conflict> Read(Cell& cell, const Actor& actor);
  // Is this a read that earlier ones have already answered for? Loops read the
  // same cells again and again. Where several warps have read since the last
  // barrier, one of them was not the writer's: that barrier is behind the
  // write, for all threads.
  bool IsRepeatedRead(const Cell& cell, int thread) const {
    if (cell.read_block != block_) return false;
    if (cell.read_warp == Cell::kSeveralWarps) {
      return cell.read_stamp == clocks_.barriers();
    }
    return cell.read_warp == thread / kWarpSize &&
           (cell.read_lanes >> (thread % kWarpSize) & 1) != 0 &&
           !cell.mixed_stamps &&
           cell.read_stamp == clocks_.Now(thread / kWarpSize);
  }
  std::optional<Conflict> Write(Cell& cell, const Actor& actor);

 private:
  bool SameLaunch(uint32_t block) const { return block >= first_block_; }
  bool ReadersOrdered(const Cell& cell, int thread) const;
  std::optional<Conflict> CheckWriter(const Cell& cell, const Actor& actor,
                                      const char* what);
  std::optional<Conflict> CheckReaders(const Cell& cell, const Actor& actor);
  void AddReader(Cell& cell, const Actor& actor);
  void AddLane(Cell& cell, int lane, Stamp now);

  const Clocks& clocks_;
  Between& between_;
  const uint32_t block_;
  const uint32_t first_block_;
  // Of cells with mixed_stamps: the stamp of each lane's last read.
  std::unordered_map<const Cell*, std::array<Stamp, kWarpSize>> lane_stamps_;
};

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_SHADOW_H_
