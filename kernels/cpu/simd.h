// What every vectorised kernel needs of Highway: float32 lanes loaded from and
// stored to float32 or bfloat16 memory, row loops with a partial last vector,
// and dispatch on the processor that the program finds itself on.
//
// A kernel file is compiled once per instruction set and begins with
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "kernels/cpu/FILE.cc"
//   #include "hwy/foreach_target.h"
//   #include "kernels/cpu/simd.h"
// Its code stands in an unnamed namespace in cogdist::cpu::HWY_NAMESPACE,
// between HWY_BEFORE_NAMESPACE() and HWY_AFTER_NAMESPACE().

#include <cstdint>

#include "hwy/highway.h"
#include "runtime/bfloat16.h"
#include "runtime/cpu/cpu_stream.h"

// COG_DISPATCH(Op): defines cogdist::cpu::Op(CpuStream&, const OpArgs&), which
// calls the Op(stream, args) of the best instruction set. Once per file, though
// the file is compiled often. Stands behind HWY_AFTER_NAMESPACE().
#undef COG_DISPATCH
#if HWY_ONCE
#define COG_DISPATCH(Op)                             \
  namespace cogdist::cpu {                           \
  HWY_EXPORT(Op);                                    \
  void Op(CpuStream& stream, const Op##Args& args) { \
    HWY_DYNAMIC_DISPATCH(Op)(stream, args);          \
  }                                                  \
  }                                                  \
  static_assert(true)
#else
#define COG_DISPATCH(Op) static_assert(true)
#endif

#if defined(COGDIST_KERNELS_CPU_SIMD_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COGDIST_KERNELS_CPU_SIMD_H_
#undef COGDIST_KERNELS_CPU_SIMD_H_
#else
#define COGDIST_KERNELS_CPU_SIMD_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using Vec = hn::Vec<F32>;
inline constexpr int64_t kLanes = hn::MaxLanes(F32());

HWY_INLINE Vec Set(float value) { return hn::Set(F32(), value); }

HWY_INLINE Vec Load(const float* from) { return hn::LoadU(F32(), from); }

HWY_INLINE Vec Load(const BFloat16* from) {
  const hn::Rebind<uint16_t, F32> d16;
  const hn::Rebind<uint32_t, F32> d32;
  const auto half = hn::LoadU(d16, reinterpret_cast<const uint16_t*>(from));
  return hn::BitCast(F32(), hn::ShiftLeft<16>(hn::PromoteTo(d32, half)));
}

HWY_INLINE void Store(Vec v, float* to) { hn::StoreU(v, F32(), to); }

// Rounds as BFloat16(float) does: to nearest, ties to even, NaN stays NaN.
HWY_INLINE auto RoundToBFloat16Bits(Vec v) {
  const hn::Rebind<int32_t, F32> d32;
  const auto u = hn::BitCast(d32, v);
  const auto odd = hn::And(hn::ShiftRight<16>(u), hn::Set(d32, 1));
  const auto rounded = hn::Add(u, hn::Add(odd, hn::Set(d32, 0x7fff)));
  const auto nan = hn::RebindMask(d32, hn::IsNaN(v));
  const auto quiet = hn::Or(u, hn::Set(d32, 0x400000));
  return hn::IfThenElse(nan, quiet, rounded);
}

HWY_INLINE void Store(Vec v, BFloat16* to) {
  const hn::Rebind<int16_t, F32> d16;
  // The arithmetic shift leaves values that fit: nothing saturates.
  const auto bits = hn::ShiftRight<16>(RoundToBFloat16Bits(v));
  hn::StoreU(hn::DemoteTo(d16, bits), d16, reinterpret_cast<int16_t*>(to));
}

// How much of a vector a row still has: all of it, or `count` lanes.
struct All {};
struct Some {
  int64_t count;
};

template <typename T>
HWY_INLINE Vec Load(const T* from, All) {
  return Load(from);
}
// Lanes behind the end are zero.
template <typename T>
HWY_INLINE Vec Load(const T* from, Some part) {
  T lanes[kLanes] = {};
  for (int64_t i = 0; i < part.count; ++i) lanes[i] = from[i];
  return Load(lanes);
}

template <typename T>
HWY_INLINE void Store(Vec v, T* to, All) {
  Store(v, to);
}
template <typename T>
HWY_INLINE void Store(Vec v, T* to, Some part) {
  T lanes[kLanes];
  Store(v, lanes);
  for (int64_t i = 0; i < part.count; ++i) to[i] = lanes[i];
}

// Calls f(i, part) for the vectors at i = 0, lanes, 2 * lanes... of a row of n
// elements. f is a generic lambda: `part` goes to Load() and Store().
template <typename F>
HWY_INLINE void ForEachVector(int64_t n, const F& f) {
  const int64_t lanes = hn::Lanes(F32());
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(i, All());
  if (i < n) f(i, Some{n - i});
}

HWY_INLINE float SumOfLanes(Vec v) {
  return hn::GetLane(hn::SumOfLanes(F32(), v));
}

}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // toggled per target
