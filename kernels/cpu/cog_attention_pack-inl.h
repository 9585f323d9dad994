// Packing of tiles into cells and back into tensors. Included once per
// instruction set, like simd.h.

#include <algorithm>
#include <cstring>

#include "hwy/cache_control.h"
#include "kernels/cpu/cog_attention_tile.h"
#include "kernels/cpu/simd.h"

#if defined(COGDIST_KERNELS_CPU_COG_ATTENTION_PACK_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef COGDIST_KERNELS_CPU_COG_ATTENTION_PACK_INL_H_
#undef COGDIST_KERNELS_CPU_COG_ATTENTION_PACK_INL_H_
#else
#define COGDIST_KERNELS_CPU_COG_ATTENTION_PACK_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {

template <typename T>
const T* RowOf(const TileRows& x, int64_t row) {
  return static_cast<const T*>(x.data) + row * x.stride;
}

// Heads of a fused projection lie far apart in memory, too far for the hardware
// to foresee the next row.
inline void PrefetchRow(const TileRows& x, int64_t row) {
  if (row >= x.rows) return;
  const int64_t size = SizeOf(x.dtype);
  const char* const start = static_cast<char*>(x.data) + row * x.stride * size;
  for (int64_t i = 0; i < x.width * size; i += 64) {
    hwy::Prefetch(start + i);
  }
}

// One row of float32 cells.
template <typename T>
void PackRow(float* to, const T* from, int64_t width) {
  ForEachVector(width, [&](int64_t i, auto part) HWY_ATTR {
    Store(Load(from + i, part), to + i, part);
  });
}

template <int kCell>
void PackRows(float* to, const TileRows& from, int64_t padded_rows) {
  constexpr int64_t kAhead = 32;
  for (int64_t row = 0; row < kAhead; ++row) PrefetchRow(from, row);
  const int64_t cells = Padded(from.width) / kCell;
  const int64_t used = (from.width + kCell - 1) / kCell;
  for (int64_t row = 0; row < from.rows; ++row, to += cells) {
    PrefetchRow(from, row + kAhead);
    if (kCell == 2) {  // an even number of bfloat16: whole cells, as they are
      PackRow(to, reinterpret_cast<const float*>(RowOf<BFloat16>(from, row)),
              used);
    } else if (from.dtype == DType::kBFloat16) {
      PackRow(to, RowOf<BFloat16>(from, row), from.width);
    } else {
      PackRow(to, RowOf<float>(from, row), from.width);
    }
    for (int64_t i = used; i < cells; ++i) to[i] = 0;
  }
  std::fill_n(to, (padded_rows - from.rows) * cells, 0.0f);
}

// Four cells. The compiler's own vectors: the portable Highway target has none
// of more than one lane.
using Quad = uint32_t __attribute__((vector_size(16)));

HWY_INLINE Quad LoadQuad(const uint32_t* from) {
  Quad result;
  std::memcpy(&result, from, sizeof(result));
  return result;
}

HWY_INLINE void StoreQuad(Quad quad, uint32_t* to) {
  std::memcpy(to, &quad, sizeof(quad));
}

// Rows of four cells become columns.
HWY_INLINE void Transpose4(Quad& a, Quad& b, Quad& c, Quad& d) {
  const Quad ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Quad ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Quad cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Quad cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  a = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5);
  b = __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
  c = __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5);
  d = __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7);
}

// to[j, i] = load(i, j) for i < rows, j < columns, both multiples of 4; load
// gives four cells from column j on.
template <typename F>
HWY_INLINE void TransposeCells(float* to, int64_t rows, int64_t columns,
                               const F& load) {
  uint32_t* const out = reinterpret_cast<uint32_t*>(to);
  for (int64_t j = 0; j < columns; j += 4) {
    for (int64_t i = 0; i < rows; i += 4) {
      Quad a = load(i, j), b = load(i + 1, j);
      Quad c = load(i + 2, j), d = load(i + 3, j);
      Transpose4(a, b, c, d);
      StoreQuad(a, out + j * rows + i);
      StoreQuad(b, out + (j + 1) * rows + i);
      StoreQuad(c, out + (j + 2) * rows + i);
      StoreQuad(d, out + (j + 3) * rows + i);
    }
  }
}

template <int kCell>
void Transpose(float* to, const float* from, int64_t rows, int64_t width) {
  const int64_t cells = width / kCell;
  const auto* const x = reinterpret_cast<const uint32_t*>(from);
  TransposeCells(to, rows, cells, [&](int64_t i, int64_t j) HWY_ATTR {
    return LoadQuad(x + i * cells + j);
  });
}

// Four elements each of two rows as cells.
HWY_INLINE Quad LoadPairs(const uint16_t* first, const uint16_t* second) {
  using Half = uint16_t __attribute__((vector_size(8)));
  Half low, high;
  std::memcpy(&low, first, sizeof(low));
  std::memcpy(&high, second, sizeof(high));
  return __builtin_convertvector(low, Quad) |
         (__builtin_convertvector(high, Quad) << 16);
}

template <int kCell>
void TransposePairs(float* to, const float* from, int64_t rows, int64_t width) {
  if constexpr (kCell == 1) {
    Transpose<1>(to, from, rows, width);
  } else {
    const auto* const x = reinterpret_cast<const uint16_t*>(from);
    TransposeCells(to, rows / 2, width, [&](int64_t i, int64_t j) HWY_ATTR {
      const uint16_t* const row = x + 2 * i * width + j;
      return LoadPairs(row, row + width);
    });
  }
}

template <int kCell>
void PairRows(float* to, const float* from, int64_t rows, int64_t width) {
  if constexpr (kCell == 1) {
    std::memcpy(to, from, rows * width * sizeof(float));
  } else {
    const auto* const x = reinterpret_cast<const uint16_t*>(from);
    auto* const out = reinterpret_cast<uint32_t*>(to);
    for (int64_t i = 0; i < rows / 2; ++i) {
      const int64_t first = i / kCellStride * 2 * kCellStride + i % kCellStride;
      const uint16_t* const row = x + first * width;
      for (int64_t j = 0; j < width; j += 4) {
        StoreQuad(LoadPairs(row + j, row + kCellStride * width + j),
                  out + i * width + j);
      }
    }
  }
}

inline void StoreRow(const TileRows& to, int64_t row, const float* from,
                     float factor) {
  DispatchFloat(to.dtype, [&]<typename T>(T) HWY_ATTR {
    T* const out = const_cast<T*>(RowOf<T>(to, row));
    ForEachVector(to.width, [&](int64_t i, auto part) HWY_ATTR {
      Store(hn::Mul(Load(from + i, part), Set(factor)), out + i, part);
    });
  });
}

inline void StoreRows(const TileRows& to, const float* from, float factor) {
  for (int64_t row = 0; row < to.rows; ++row) {
    StoreRow(to, row, from + row * Padded(to.width), factor);
  }
}

inline void StoreTransposed(const TileRows& to, const float* from,
                            const float* factor) {
  constexpr int64_t kMaxWidth = 256;
  float rows[4 * kMaxWidth];
  const auto* const x = reinterpret_cast<const uint32_t*>(from);
  const int64_t width = Padded(to.width);
  for (int64_t row = 0; row < to.rows; row += 4) {
    for (int64_t j = 0; j < width; j += 4) {
      const uint32_t* const block = x + j * kTileQueries + row;
      Quad a = LoadQuad(block);
      Quad b = LoadQuad(block + kTileQueries);
      Quad c = LoadQuad(block + 2 * kTileQueries);
      Quad d = LoadQuad(block + 3 * kTileQueries);
      Transpose4(a, b, c, d);
      uint32_t* const out = reinterpret_cast<uint32_t*>(rows) + j;
      StoreQuad(a, out);
      StoreQuad(b, out + width);
      StoreQuad(c, out + 2 * width);
      StoreQuad(d, out + 3 * width);
    }
    for (int64_t i = row; i < std::min(row + 4, to.rows); ++i) {
      StoreRow(to, i, rows + (i - row) * width, factor[i]);
    }
  }
}

inline void RowDots(float* to, const TileRows& a, const TileRows& b) {
  DispatchFloat(a.dtype, [&]<typename A>(A) HWY_ATTR {
    DispatchFloat(b.dtype, [&]<typename B>(B) HWY_ATTR {
      for (int64_t row = 0; row < a.rows; ++row) {
        const A* const x = RowOf<A>(a, row);
        const B* const y = RowOf<B>(b, row);
        Vec sum = hn::Zero(F32());
        ForEachVector(a.width, [&](int64_t i, auto part) HWY_ATTR {
          sum = hn::MulAdd(Load(x + i, part), Load(y + i, part), sum);
        });
        to[row] = SumOfLanes(sum);
      }
    });
  });
}

}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // toggled per target
