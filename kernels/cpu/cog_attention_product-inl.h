// The register-blocked product of cog_attention_tile.h, for every instruction
// set and cell type. Included inside the namespace and the target attributes of
// the file that uses it, hence without a guard.
//
// M describes the machine: M::Vec, M::kLanes, and on vectors Zero, Load, Store,
// Broadcast (one cell to all lanes), MulAdd(a, b, sum) on cells, and
// Scale(c, s, sum) = c s + sum and Add on float32.

// Six rows by four vectors leave room for the operands in 32 registers.
inline constexpr int kBlockRows = 6;

template <class M, int kRows, int kVectors>
HWY_INLINE void FinishBlock(const TileProduct& p, int64_t row, int64_t column,
                            typename M::Vec (&sum)[kRows][kVectors]) {
  float* const c = p.c + row * p.c_stride + column;
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; ++j) {
      float* const to = c + i * p.c_stride + j * M::kLanes;
      if (p.column_scale != nullptr) {
        const auto scale = M::Load(p.column_scale + column + j * M::kLanes);
        sum[i][j] = M::Scale(M::Load(to), scale, sum[i][j]);
      } else if (p.accumulate) {
        sum[i][j] = M::Add(M::Load(to), sum[i][j]);
      }
      M::Store(sum[i][j], to);
    }
  }
}

template <class M, int kRows, int kVectors>
HWY_INLINE void ProductBlock(const TileProduct& p, int64_t row,
                             int64_t column) {
  typename M::Vec sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; ++j) sum[i][j] = M::Zero();
  }
  const float* left = p.left + row * p.left_stride;
  const float* right = p.right + column;
  const int64_t left_stride = p.left_stride;
  const int64_t right_stride = p.right_stride;
  for (int64_t k = p.cells; k > 0; --k) {
    typename M::Vec b[kVectors];
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; ++j) b[j] = M::Load(right + j * M::kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const auto a = M::Broadcast(left + i * left_stride);
#pragma GCC unroll 8
      for (int j = 0; j < kVectors; ++j) {
        sum[i][j] = M::MulAdd(a, b[j], sum[i][j]);
      }
    }
    ++left;
    right += right_stride;
  }
  FinishBlock<M, kRows, kVectors>(p, row, column, sum);
}

template <class M, int kVectors>
HWY_INLINE void ProductColumns(const TileProduct& p, int64_t column) {
  int64_t row = 0;
  for (; row + kBlockRows <= p.rows; row += kBlockRows) {
    ProductBlock<M, kBlockRows, kVectors>(p, row, column);
  }
  switch (p.rows - row) {
    case 5:
      return ProductBlock<M, 5, kVectors>(p, row, column);
    case 4:
      return ProductBlock<M, 4, kVectors>(p, row, column);
    case 3:
      return ProductBlock<M, 3, kVectors>(p, row, column);
    case 2:
      return ProductBlock<M, 2, kVectors>(p, row, column);
    case 1:
      return ProductBlock<M, 1, kVectors>(p, row, column);
  }
}

template <class M>
void Product(const TileProduct& p) {
  int64_t column = 0;
  if constexpr (M::kLanes == 16) {
    for (; column + 64 <= p.columns; column += 64) {
      ProductColumns<M, 4>(p, column);
    }
    for (; column + 32 <= p.columns; column += 32) {
      ProductColumns<M, 2>(p, column);
    }
  }
  constexpr int kVectors = std::min<int>(16 / M::kLanes, 4);
  for (; column < p.columns; column += kVectors * M::kLanes) {
    ProductColumns<M, kVectors>(p, column);
  }
}
