#include "tests/vgpu/simt/clocks.h"

#include <algorithm>

namespace cogdist::simt {

bool Clocks::Ordered(int thread, int warp, uint32_t lanes, Stamp stamp) const {
  if (thread / kWarpSize != warp) return warps_[warp].at_barrier >= stamp;
  if (warps_[warp].at_full_sync >= stamp) return true;
  for (int lane = 0; lane < kWarpSize; ++lane) {
    if ((lanes >> lane & 1) == 0) continue;
    if (!Ordered(thread, warp * kWarpSize + lane, stamp)) return false;
  }
  return true;
}

void Clocks::SyncWarp(int warp_index, uint32_t lanes) {
  Warp& warp = warps_[warp_index];
  std::array<Stamp, kWarpSize> joined = {};
  if (lanes == ~0u) {
    joined.fill(warp.now);
    warp.at_full_sync = warp.now;
  } else {
    for (int lane = 0; lane < kWarpSize; ++lane) {
      if ((lanes >> lane & 1) == 0) continue;
      for (int of = 0; of < kWarpSize; ++of) {
        joined[of] = std::max(joined[of], warp.seen[lane][of]);
      }
    }
    for (int lane = 0; lane < kWarpSize; ++lane) {
      if (lanes >> lane & 1) joined[lane] = warp.now;
    }
  }
  for (int lane = 0; lane < kWarpSize; ++lane) {
    if (lanes >> lane & 1) warp.seen[lane] = joined;
  }
  ++warp.now;
}

void Clocks::Barrier() {
  for (Warp& warp : warps_) {
    for (auto& seen : warp.seen) seen.fill(warp.now);
    warp.at_full_sync = warp.now;
    warp.at_barrier = warp.now++;
  }
  ++barriers_;
}

}  // namespace cogdist::simt
