// Which accesses of a block's threads are ordered: vector clocks in two levels.
//
// A warp counts the synchronisations that any of its lanes took part in. An
// access carries its thread and its warp's count, the stamp. What a thread
// knows of another is the last stamp of it that it has synchronised with: lane
// by lane within its warp, since __syncwarp may name any lanes; warp by warp
// beyond it, since block barriers name whole blocks. Nothing but __syncwarp and
// barriers orders memory: shuffles, ldmatrix and mma do not.

#ifndef COGDIST_TESTS_VGPU_SIMT_CLOCKS_H_
#define COGDIST_TESTS_VGPU_SIMT_CLOCKS_H_

#include <array>
#include <cstdint>
#include <vector>

namespace cogdist::simt {

inline constexpr int kWarpSize = 32;

using Stamp = uint32_t;

class Clocks {
 public:
  explicit Clocks(int warps) : warps_(warps) {}

  // The stamp of an access by any lane of `warp` now.
  Stamp Now(int warp) const { return warps_[warp].now; }
  // Barriers of the block so far.
  uint32_t barriers() const { return barriers_; }

  // Has `thread` synchronised with what `other` did at `stamp`?
  bool Ordered(int thread, int other, Stamp stamp) const {
    if (thread == other) return true;
    const Warp& warp = warps_[thread / kWarpSize];
    if (thread / kWarpSize != other / kWarpSize) {
      return warps_[other / kWarpSize].at_barrier >= stamp;
    }
    return warp.seen[thread % kWarpSize][other % kWarpSize] >= stamp;
  }
  // The same for what all `lanes` of `warp` did at `stamp`.
  bool Ordered(int thread, int warp, uint32_t lanes, Stamp stamp) const;

  void SyncWarp(int warp, uint32_t lanes);
  void Barrier();

 private:
  struct Warp {
    Stamp now = 1;
    Stamp at_barrier = 0;
    Stamp at_full_sync = 0;  // all lanes know all lanes up to here
    std::array<std::array<Stamp, kWarpSize>, kWarpSize> seen = {};  // [by][of]
  };
  std::vector<Warp> warps_;
  uint32_t barriers_ = 0;
};

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_CLOCKS_H_
