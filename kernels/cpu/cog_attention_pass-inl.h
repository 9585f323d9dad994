// The element-wise passes over score tiles. Included once per instruction set,
// like simd.h.

#include "kernels/cpu/cog_attention_tile.h"
#include "kernels/cpu/simd.h"

#if defined(COGDIST_KERNELS_CPU_COG_ATTENTION_PASS_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef COGDIST_KERNELS_CPU_COG_ATTENTION_PASS_INL_H_
#undef COGDIST_KERNELS_CPU_COG_ATTENTION_PASS_INL_H_
#else
#define COGDIST_KERNELS_CPU_COG_ATTENTION_PASS_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {

using I32 = hn::Rebind<int32_t, F32>;

// 2^x for x <= 0, relative error 2e-7; below -126 it stays at 2^-126. NaN
// stays NaN. x = n + f with n an integer and |f| <= 1/2: adding 1.5 * 2^23
// leaves n in the low bits, and a minimax polynomial gives 2^f.
HWY_INLINE Vec Exp2(Vec x) {
  const Vec magic = Set(12582912.0f);
  x = hn::Max(Set(-126.0f), x);
  const Vec shifted = hn::Add(x, magic);
  const Vec f = hn::Sub(x, hn::Sub(shifted, magic));
  Vec y = hn::MulAdd(Set(0.00132647f), f, Set(0.00967151f));
  y = hn::MulAdd(y, f, Set(0.05550734f));
  y = hn::MulAdd(y, f, Set(0.24022242f));
  y = hn::MulAdd(y, f, Set(0.69314698f));
  y = hn::MulAdd(y, f, Set(1.0f));
  const auto n = hn::ShiftLeft<23>(hn::BitCast(I32(), shifted));
  return hn::BitCast(F32(), hn::Add(hn::BitCast(I32(), y), n));
}

// The first-half and second-half bfloat16 of a cell, rounded to nearest.
HWY_INLINE Vec Cell(Vec first, Vec second) {
  const auto half = hn::Set(I32(), 0x8000);
  const auto low = hn::Add(hn::BitCast(I32(), first), half);
  const auto high = hn::Add(hn::BitCast(I32(), second), half);
  const hn::Rebind<uint32_t, F32> u32;
  const auto low_bits = hn::ShiftRight<16>(hn::BitCast(u32, low));
  return hn::BitCast(F32(), hn::OrAnd(low_bits, hn::BitCast(u32, high),
                                      hn::Set(u32, 0xffff0000u)));
}

// Which rows the queries of one vector see.
template <bool kMasked>
class Visible {
 public:
  Visible() = default;
  Visible(const TileRegion& region, int64_t column) {
    if constexpr (kMasked) {
      first_ = region.mask->first + column;
      last_ = region.mask->last + column;
      key_begin_ = region.key_begin;
    }
  }
  // x where row is seen, else `otherwise`.
  HWY_INLINE Vec Select(int64_t row, Vec x, Vec otherwise) const {
    if constexpr (!kMasked) return x;
    const auto key = hn::Set(I32(), static_cast<int32_t>(key_begin_ + row));
    const auto seen = hn::AndNot(hn::Lt(key, hn::LoadU(I32(), first_)),
                                 hn::Lt(key, hn::LoadU(I32(), last_)));
    return hn::IfThenElse(hn::RebindMask(F32(), seen), x, otherwise);
  }

 private:
  const int32_t* first_ = nullptr;
  const int32_t* last_ = nullptr;
  int64_t key_begin_ = 0;
};

template <bool kCog>
HWY_INLINE Vec Magnitude(Vec s) {
  if constexpr (kCog) return hn::Abs(s);
  return s;
}

// sign(s) w, exactly 0 where s is.
template <bool kCog>
HWY_INLINE Vec Signed(Vec w, Vec s) {
  if constexpr (!kCog) return w;
  return hn::IfThenZeroElse(hn::Eq(s, hn::Zero(F32())),
                            hn::CopySignToAbs(w, s));
}

// Raises `maximum` to the scores of kVectors vectors of queries.
template <bool kCog, bool kMasked, int kVectors>
HWY_INLINE void MaximumOfColumns(const ForwardPass& pass, int64_t column,
                                 const Visible<kMasked> (&visible)[kVectors],
                                 Vec (&maximum)[kVectors]) {
  for (int64_t r = pass.region.row_begin; r < pass.region.row_end; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const float* const s = pass.s + r * kTileQueries + column + v * kLanes;
      const Vec x = Magnitude<kCog>(Load(s));
      maximum[v] = hn::Max(maximum[v], visible[v].Select(r, x, maximum[v]));
    }
  }
}

// kVectors vectors of queries; whole rows of a tile are read in one sweep.
template <bool kCog, int kCell, bool kMasked, int kVectors>
HWY_INLINE void ForwardColumns(const ForwardPass& pass, int64_t column) {
  const Vec scale = Set(pass.scale);
  Visible<kMasked> visible[kVectors];
  Vec maximum[kVectors], offset[kVectors], sum[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    const int64_t c = column + v * kLanes;
    visible[v] = Visible<kMasked>(pass.region, c);
    maximum[v] = Load(pass.maximum + c);
    offset[v] = hn::Mul(maximum[v], scale);
    sum[v] = Load(pass.sum + c);
  }
  MaximumOfColumns<kCog>(pass, column, visible, maximum);
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    const int64_t c = column + v * kLanes;
    const Vec earlier = offset[v];
    offset[v] = hn::Mul(maximum[v], scale);
    const Vec correction = Exp2(hn::Sub(earlier, offset[v]));
    sum[v] = hn::Mul(sum[v], correction);
    Store(maximum[v], pass.maximum + c);
    Store(correction, pass.correction + c);
  }
  const auto weigh = [&](int64_t r, int v) HWY_ATTR {
    const Vec s = Load(pass.s + r * kTileQueries + column + v * kLanes);
    const Vec t = hn::MulSub(Magnitude<kCog>(s), scale, offset[v]);
    const Vec w = visible[v].Select(r, Exp2(t), hn::Zero(F32()));
    sum[v] = hn::Add(sum[v], w);
    return Signed<kCog>(w, s);
  };
  for (int64_t r = pass.region.row_begin; r < pass.region.row_end; r += 2) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const Vec even = weigh(r, v);
      const Vec odd = weigh(r + 1, v);
      const int64_t c = column + v * kLanes;
      if constexpr (kCell == 2) {
        Store(Cell(even, odd), pass.p + r / 2 * kTileQueries + c);
      } else {
        Store(even, pass.p + r * kTileQueries + c);
        Store(odd, pass.p + (r + 1) * kTileQueries + c);
      }
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    Store(sum[v], pass.sum + column + v * kLanes);
  }
}

template <bool kCog, int kCell, bool kMasked>
void ForwardRegion(const ForwardPass& pass) {
  int64_t c = pass.region.column;
  const int64_t end = c + pass.region.columns;
  if constexpr (kLanes >= 8 && !kMasked) {
    for (; c + 4 * kLanes <= end; c += 4 * kLanes) {
      ForwardColumns<kCog, kCell, kMasked, 4>(pass, c);
    }
  }
  for (; c < end; c += 2 * kLanes) {
    ForwardColumns<kCog, kCell, kMasked, 2>(pass, c);
  }
}

template <bool kCog, int kCell>
void Forward(const ForwardPass& pass) {
  if (pass.region.mask != nullptr) {
    ForwardRegion<kCog, kCell, true>(pass);
  } else {
    ForwardRegion<kCog, kCell, false>(pass);
  }
}

struct Gradient {
  Vec a;
  Vec ds;
};

template <bool kCog, bool kMasked>
HWY_INLINE Gradient GradientOf(const BackwardPass& pass, int64_t r, int64_t c,
                               const Visible<kMasked>& visible) {
  const int64_t i = (r - pass.region.row_begin) * kTileQueries + c;
  const Vec s = Load(pass.s + i);
  const Vec lse = Load(pass.lse + c);
  const Vec w = Exp2(hn::MulSub(Magnitude<kCog>(s), Set(pass.scale), lse));
  const Vec a = visible.Select(r, Signed<kCog>(w, s), hn::Zero(F32()));
  const Vec g = visible.Select(r, Load(pass.g + i), hn::Zero(F32()));
  const Vec delta = Load(pass.delta + c);
  return {a, hn::NegMulAdd(a, delta, hn::Mul(Magnitude<kCog>(a), g))};
}

// Two rows of two vectors that are 16 queries apart.
template <bool kCog, int kCell, bool kMasked>
HWY_INLINE void BackwardColumns(const BackwardPass& pass, int64_t c) {
  const Visible<kMasked> near(pass.region, c);
  const Visible<kMasked> far(pass.region, c + kCellStride);
  const int64_t cell = c / (2 * kCellStride) * kCellStride + c % kCellStride;
  constexpr int64_t kRowCells = kTileQueries / kCell;
  for (int64_t r = pass.region.row_begin; r < pass.region.row_end; r += 2) {
    Gradient x[2][2];
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      x[i][0] = GradientOf<kCog>(pass, r + i, c, near);
      x[i][1] = GradientOf<kCog>(pass, r + i, c + kCellStride, far);
      float* const a = pass.a + (r + i) * kRowCells;
      float* const ds = pass.ds + (r + i) * kRowCells;
      if constexpr (kCell == 2) {
        Store(Cell(x[i][0].a, x[i][1].a), a + cell);
        Store(Cell(x[i][0].ds, x[i][1].ds), ds + cell);
      } else {
        Store(x[i][0].a, a + c);
        Store(x[i][1].a, a + c + kCellStride);
        Store(x[i][0].ds, ds + c);
        Store(x[i][1].ds, ds + c + kCellStride);
      }
    }
    if constexpr (kCell == 2) {
      float* const right = pass.ds_right + r / 2 * kTileQueries + c;
      Store(Cell(x[0][0].ds, x[1][0].ds), right);
      Store(Cell(x[0][1].ds, x[1][1].ds), right + kCellStride);
    }
  }
}

template <bool kCog, int kCell>
void Backward(const BackwardPass& pass) {
  const int64_t end = pass.region.column + pass.region.columns;
  for (int64_t c = pass.region.column; c < end; c += 2 * kCellStride) {
    for (int64_t lane = 0; lane < kCellStride; lane += kLanes) {
      if (pass.region.mask != nullptr) {
        BackwardColumns<kCog, kCell, true>(pass, c + lane);
      } else {
        BackwardColumns<kCog, kCell, false>(pass, c + lane);
      }
    }
  }
}

}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // toggled per target
