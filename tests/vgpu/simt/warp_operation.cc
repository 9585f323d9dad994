#include "tests/vgpu/simt/warp_operation.h"

#include <bit>
#include <cmath>

namespace cogdist::simt {
namespace {

constexpr int kRows = 16, kColumns = 8, kDepth = 16;

float Low(uint32_t pair) { return std::bit_cast<float>(pair << 16); }
float High(uint32_t pair) { return std::bit_cast<float>(pair & 0xffff0000u); }

struct Fragments {
  float a[kRows][kDepth];
  float b[kDepth][kColumns];
  float d[kRows][kColumns];
};

int RowOfD(int lane, int i) { return lane / 4 + 8 * (i / 2); }
int ColumnOfD(int lane, int i) { return 2 * (lane % 4) + i % 2; }

Fragments Gather(const PendingOperation& operation) {
  Fragments f;
  for (int lane = 0; lane < kWarpSize; ++lane) {
    const auto& x =
        *static_cast<const MultiplyAddOperands*>(operation.operands[lane]);
    const int group = lane / 4, pair = 2 * (lane % 4);
    for (int i = 0; i < 4; ++i) {
      const int row = group + 8 * (i % 2), column = pair + 8 * (i / 2);
      f.a[row][column] = Low(x.a[i]);
      f.a[row][column + 1] = High(x.a[i]);
      f.d[RowOfD(lane, i)][ColumnOfD(lane, i)] = x.d[i];
    }
    for (int i = 0; i < 2; ++i) {
      f.b[pair + 8 * i][group] = Low(x.b[i]);
      f.b[pair + 8 * i + 1][group] = High(x.b[i]);
    }
  }
  return f;
}

void AddRounded(Fragments& f, int order) {
  for (int row = 0; row < kRows; ++row) {
    for (int k = 0; k < kDepth; ++k) {
      const float a = f.a[row][k ^ order];
      const float* const b = f.b[k ^ order];
      for (int column = 0; column < kColumns; ++column) {
        f.d[row][column] += a * b[column];
      }
    }
  }
}

// Products of bfloat16 are exact in float64, and so, nearly, is their sum.
void AddTruncated(Fragments& f) {
  for (int row = 0; row < kRows; ++row) {
    for (int column = 0; column < kColumns; ++column) {
      double sum = f.d[row][column];
      for (int k = 0; k < kDepth; ++k) {
        sum += double{f.a[row][k]} * f.b[k][column];
      }
      float& d = f.d[row][column];
      d = static_cast<float>(sum);
      if (std::abs(d) > std::abs(sum)) d = std::nextafter(d, 0.0f);
    }
  }
}

}  // namespace

const char* Name(WarpOp op) {
  switch (op) {
    case WarpOp::kSync:
      return "__syncwarp";
    case WarpOp::kShuffle:
      return "shfl.sync";
    case WarpOp::kBallot:
      return "vote.sync";
    case WarpOp::kLoadMatrix:
      return "ldmatrix";
    case WarpOp::kMultiplyAdd:
      return "mma.sync";
  }
  return "?";
}

void MultiplyAdd(PendingOperation& operation, int order, bool truncate) {
  Fragments f = Gather(operation);
  if (truncate) {
    AddTruncated(f);
  } else {
    AddRounded(f, order);
  }
  for (int lane = 0; lane < kWarpSize; ++lane) {
    const auto& x =
        *static_cast<const MultiplyAddOperands*>(operation.operands[lane]);
    for (int i = 0; i < 4; ++i) {
      x.d[i] = f.d[RowOfD(lane, i)][ColumnOfD(lane, i)];
    }
  }
}

void Ballot(PendingOperation& operation) {
  uint32_t votes = 0;
  for (int lane = 0; lane < kWarpSize; ++lane) {
    if ((operation.lanes >> lane & 1) == 0) continue;
    const auto& x = *static_cast<BallotOperands*>(operation.operands[lane]);
    votes |= uint32_t{x.vote} << lane;
  }
  for (int lane = 0; lane < kWarpSize; ++lane) {
    if ((operation.lanes >> lane & 1) == 0) continue;
    static_cast<BallotOperands*>(operation.operands[lane])->result = votes;
  }
}

void DistributeRows(PendingOperation& operation, const MatrixRow* rows) {
  for (int lane = 0; lane < kWarpSize; ++lane) {
    const auto& x = *static_cast<LoadMatrixOperands*>(operation.operands[lane]);
    const int group = lane / 4, pair = 2 * (lane % 4);
    for (int i = 0; i < x.matrices; ++i) {
      const MatrixRow* const m = rows + 8 * i;
      const uint32_t low = x.transposed ? m[pair][group] : m[group][pair];
      const uint32_t high =
          x.transposed ? m[pair + 1][group] : m[group][pair + 1];
      x.registers[i] = low | high << 16;
    }
  }
}

}  // namespace cogdist::simt
