// Warp operations of a block: who takes part, and what memory they touch.

#include <algorithm>
#include <bitset>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tests/vgpu/simt/block.h"

namespace cogdist::simt {

// The operation of these lanes that others have begun, or a new one.
PendingOperation& Block::Join(WarpOp op, uint32_t lanes, CodeOffset code) {
  const int lane = running_->lane(), warp = running_->warp();
  const size_t in_warp = std::min<size_t>(
      kWarpSize, threads_.size() - static_cast<size_t>(warp) * kWarpSize);
  if ((lanes >> lane & 1) == 0 ||
      (in_warp < kWarpSize && lanes >> in_warp != 0)) {
    Fail({Fault::kBadLane,
          absl::StrCat("the mask ", absl::Hex(lanes), " of ", Name(op),
                       " leaves its caller out or names lanes that are not "
                       "there"),
          -1, code});
  }
  for (PendingOperation& p : pending_[warp]) {
    if ((p.lanes & lanes) == 0) continue;
    if (p.lanes != lanes || p.op != op) {
      Fail({Fault::kDivergence,
            absl::StrCat(Name(op), " meets ", Name(p.op), " of the same lanes"),
            -1, code, Conflict{.other_code = p.code}});
    }
    CheckSameSite(Name(op), code, p.code);
    return p;
  }
  return pending_[warp].emplace_back(
      PendingOperation{.op = op, .lanes = lanes, .code = code});
}

void Block::RunWarpOperation(WarpOp op, uint32_t lanes, void* operands,
                             CodeOffset code) {
  const int lane = running_->lane(), warp = running_->warp();
  PendingOperation& joined = Join(op, lanes, code);
  joined.operands[lane] = operands;
  joined.arrived |= 1u << lane;
  if (joined.arrived != joined.lanes) {
    Wait(Name(op), code);
    return;
  }
  PendingOperation operation = joined;
  std::swap(joined, pending_[warp].back());
  pending_[warp].pop_back();
  Execute(operation);
  for (int other = 0; other < kWarpSize; ++other) {
    if (other != lane && (lanes >> other & 1) != 0) {
      MakeReady(threads_[warp * kWarpSize + other]);
    }
  }
}

void Block::Execute(PendingOperation& operation) {
  switch (operation.op) {
    case WarpOp::kSync:
      clocks_.SyncWarp(running_->warp(), operation.lanes);
      return;
    case WarpOp::kShuffle:
      return ExecuteShuffle(operation);
    case WarpOp::kBallot:
      return Ballot(operation);
    case WarpOp::kLoadMatrix:
      return ExecuteLoadMatrix(operation);
    case WarpOp::kMultiplyAdd:
      ++stats().mma;
      MultiplyAdd(operation, dice_.Below(16),
                  environment_.options.truncate_mma);
      return;
  }
}

void Block::ExecuteShuffle(PendingOperation& operation) {
  ++stats().shuffles;
  for (int lane = 0; lane < kWarpSize; ++lane) {
    if ((operation.lanes >> lane & 1) == 0) continue;
    auto& x = *static_cast<ShuffleOperands*>(operation.operands[lane]);
    if ((operation.lanes >> x.source_lane & 1) == 0) {
      Fail({Fault::kBadLane,
            absl::StrCat("shfl.sync reads lane ", x.source_lane,
                         ", which takes no part"),
            running_->warp() * kWarpSize + lane, operation.code});
    }
    x.result =
        static_cast<ShuffleOperands*>(operation.operands[x.source_lane])->value;
  }
}

void Block::ExecuteLoadMatrix(PendingOperation& operation) {
  ++stats().ldmatrix;
  const int warp = running_->warp();
  const auto operands = [&](int lane) -> LoadMatrixOperands& {
    return *static_cast<LoadMatrixOperands*>(operation.operands[lane]);
  };
  const int rows = 8 * operands(0).matrices;
  std::array<MatrixRow, kWarpSize> data;
  std::array<uint32_t, kWarpSize> addresses;
  for (int row = 0; row < rows; ++row) {
    const uint32_t address = addresses[row] = operands(row).address;
    const Actor actor = {warp * kWarpSize + row, operation.code};
    if (address % sizeof(MatrixRow) != 0) {
      Fail({Fault::kMisaligned,
            absl::StrCat("ldmatrix of a row at shared address ", address),
            actor.thread, operation.code});
    }
    AccessShared(address, sizeof(MatrixRow), false, actor);
    std::memcpy(&data[row], shared() + address, sizeof(MatrixRow));
  }
  for (int first = 0; first < rows; first += 8) {
    CountConflicts(&addresses[first]);
  }
  DistributeRows(operation, data.data());
}

// Shared memory gives 32 banks of 4 bytes at a time: eight rows of 16 bytes
// take one cycle if no two lie in the same banks.
void Block::CountConflicts(const uint32_t* row_addresses) {
  std::array<int, 8> rows_in_bank = {};
  for (int row = 0; row < 8; ++row) {
    const auto end = row_addresses + row;
    if (std::find(row_addresses, end, *end) != end) continue;
    ++rows_in_bank[*end / sizeof(MatrixRow) % 8];
  }
  stats().ldmatrix_conflicts +=
      *std::max_element(rows_in_bank.begin(), rows_in_bank.end()) - 1;
}

}  // namespace cogdist::simt
