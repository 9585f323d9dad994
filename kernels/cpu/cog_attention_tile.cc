#include "kernels/cpu/cog_attention_tile.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/cog_attention_tile.cc"
#include "hwy/foreach_target.h"
#include "kernels/cpu/cog_attention_pack-inl.h"
#include "kernels/cpu/cog_attention_pass-inl.h"
#include "kernels/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {

struct Float32Machine {
  using Vec = HWY_NAMESPACE::Vec;
  static constexpr int64_t kLanes = HWY_NAMESPACE::kLanes;

  static HWY_INLINE Vec Zero() { return hn::Zero(F32()); }
  static HWY_INLINE Vec Load(const float* from) {
    return HWY_NAMESPACE::Load(from);
  }
  static HWY_INLINE void Store(Vec v, float* to) {
    HWY_NAMESPACE::Store(v, to);
  }
  static HWY_INLINE Vec Broadcast(const float* cell) { return Set(*cell); }
  static HWY_INLINE Vec MulAdd(Vec a, Vec b, Vec sum) {
    return hn::MulAdd(a, b, sum);
  }
  static HWY_INLINE Vec Scale(Vec c, Vec scale, Vec sum) {
    return hn::MulAdd(c, scale, sum);
  }
  static HWY_INLINE Vec Add(Vec a, Vec b) { return hn::Add(a, b); }
};

#include "kernels/cpu/cog_attention_product-inl.h"

template <int kCell>
TileOps MakeTileOps(TileProductFunction product) {
  return {.elements_per_cell = kCell,
          .product = product,
          .forward = {&Forward<true, kCell>, &Forward<false, kCell>},
          .backward = {&Backward<true, kCell>, &Backward<false, kCell>},
          .pack_rows = &PackRows<kCell>,
          .transpose = &Transpose<kCell>,
          .transpose_pairs = &TransposePairs<kCell>,
          .pair_rows = &PairRows<kCell>,
          .store_transposed = &StoreTransposed,
          .store_rows = &StoreRows,
          .row_dots = &RowDots};
}

TileOps Ops(TileProductFunction bf16_product) {
  if (bf16_product != nullptr) return MakeTileOps<2>(bf16_product);
  return MakeTileOps<1>(&Product<Float32Machine>);
}

}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cogdist::cpu {

HWY_EXPORT(Ops);

TileOps TileOpsFor(DType dtype) {
  static_assert(static_cast<int>(AttentionKind::kCog) == 0);
  return HWY_DYNAMIC_DISPATCH(Ops)(dtype == DType::kBFloat16 ? FindBf16Product()
                                                             : nullptr);
}

}  // namespace cogdist::cpu
#endif
