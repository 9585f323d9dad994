// Tile products by AVX512-BF16's dot product of pairs, which Highway does not
// have yet. Built on x86 only.

#include <immintrin.h>

#include "hwy/highway.h"
#include "kernels/cpu/cog_attention_tile.h"

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,avx2")
namespace cogdist::cpu {
namespace {

struct Avx512Bf16 {
  using Vec = __m512;
  static constexpr int64_t kLanes = 16;

  static HWY_INLINE Vec Zero() { return _mm512_setzero_ps(); }
  static HWY_INLINE Vec Load(const float* from) {
    return _mm512_loadu_ps(from);
  }
  static HWY_INLINE void Store(Vec v, float* to) { _mm512_storeu_ps(to, v); }
  static HWY_INLINE Vec Broadcast(const float* cell) {
    return _mm512_set1_ps(*cell);
  }
  static HWY_INLINE Vec MulAdd(Vec a, Vec b, Vec sum) {
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
  }
  static HWY_INLINE Vec Scale(Vec c, Vec scale, Vec sum) {
    return _mm512_fmadd_ps(c, scale, sum);
  }
  static HWY_INLINE Vec Add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
};

#include "kernels/cpu/cog_attention_product-inl.h"

}  // namespace
}  // namespace cogdist::cpu
HWY_POP_ATTRIBUTES

namespace cogdist::cpu {

namespace {

// Found out once: Highway's answer takes a while, and makes it choose anew.
const bool has_avx512 = (hwy::SupportedTargets() & HWY_AVX3) != 0;

}  // namespace

TileProductFunction FindBf16Product() {
  if (!has_avx512 || !__builtin_cpu_supports("avx512bf16")) return nullptr;
  return &Product<Avx512Bf16>;
}

}  // namespace cogdist::cpu
