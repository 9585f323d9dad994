// Sums, products, quotients, extremes and the like. Integers wrap around;
// floats are rounded to nearest, as instructions without a mode and with .rn
// are, and keep subnormal numbers, as those without .ftz do.

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "tests/vgpu/ptx/opcodes.h"
#include "tests/vgpu/ptx/thread.h"

namespace cogdist::ptx {
namespace {

template <typename T, T (*kF)(T)>
void Unary(Thread& t, const Instruction& x) {
  t.Set(x[0], kF(t.Get<T>(x[1])));
}
template <typename T, T (*kF)(T, T)>
void Binary(Thread& t, const Instruction& x) {
  t.Set(x[0], kF(t.Get<T>(x[1]), t.Get<T>(x[2])));
}
template <typename T, T (*kF)(T, T, T)>
void Ternary(Thread& t, const Instruction& x) {
  t.Set(x[0], kF(t.Get<T>(x[1]), t.Get<T>(x[2]), t.Get<T>(x[3])));
}

// Without overflow: in the unsigned 64 bits that contain every integer.
template <typename T>
T Sum(T x, T y) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(uint64_t(x) + uint64_t(y));
  }
  return x + y;
}
template <typename T>
T Difference(T x, T y) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(uint64_t(x) - uint64_t(y));
  }
  return x - y;
}
template <typename T>
T Product(T x, T y) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(uint64_t(x) * uint64_t(y));
  }
  return x * y;
}
template <typename T>
T UpperProduct(T x, T y) {
  using Wide =
      std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
  return static_cast<T>(static_cast<Wide>(x) * static_cast<Wide>(y) >>
                        8 * sizeof(T));
}
template <typename T>
T Negative(T x) {
  if constexpr (std::is_integral_v<T>) return Difference<T>(0, x);
  return -x;
}
// Division by zero has all bits set; so do GPUs.
template <typename T>
T Quotient(T x, T y) {
  if constexpr (std::is_integral_v<T>) {
    if (y == 0) return static_cast<T>(-1);
    if constexpr (std::is_signed_v<T>) {
      if (y == -1) return Negative(x);
    }
  }
  return x / y;
}
template <typename T>
T Remainder(T x, T y) {
  return y == 0 ? x : Difference(x, Product(Quotient(x, y), y));
}
template <typename T>
T MultiplyAdd(T x, T y, T z) {
  if constexpr (std::is_integral_v<T>) return Sum(Product(x, y), z);
  return std::fma(x, y, z);
}
template <typename T>
T Magnitude(T x) {
  if constexpr (std::is_integral_v<T>) return x < 0 ? Negative(x) : x;
  return std::fabs(x);
}
// Of floats: a number rather than NaN, and -0 is less than +0.
template <typename T>
T Least(T x, T y) {
  if constexpr (!std::is_integral_v<T>) {
    if (std::isnan(x)) return y;
    if (x == y) return std::signbit(x) ? x : y;
  }
  return y < x ? y : x;
}
template <typename T>
T Greatest(T x, T y) {
  if constexpr (!std::is_integral_v<T>) {
    if (std::isnan(x)) return y;
    if (x == y) return std::signbit(x) ? y : x;
  }
  return x < y ? y : x;
}

// The lesser magnitude under the product of both signs.
float SignedMinimum(float x, float y) {
  return std::copysign(Least(std::fabs(x), std::fabs(y)),
                       std::signbit(x) != std::signbit(y) ? -1.0f : 1.0f);
}

// The second operand with the sign of the first.
float CopySign(float sign, float x) { return std::copysign(x, sign); }

template <typename T>
T SquareRoot(T x) {
  return std::sqrt(x);
}
template <typename T>
T Reciprocal(T x) {
  return 1 / x;
}
float ReciprocalRoot(float x) {
  return static_cast<float>(1 / std::sqrt(double{x}));
}

float FlushSubnormal(float x) {
  return std::fabs(x) < std::numeric_limits<float>::min()
             ? std::copysign(0.0f, x)
             : x;
}
float ReciprocalFlushed(float x) {
  return FlushSubnormal(1 / FlushSubnormal(x));
}
float Power2(float x) { return std::exp2(x); }
float Power2Flushed(float x) {
  return FlushSubnormal(std::exp2(FlushSubnormal(x)));
}
float Logarithm2(float x) { return std::log2(x); }

template <typename Wide, typename T>
void WideProduct(Thread& t, const Instruction& x) {
  t.Set<Wide>(x[0], Wide{t.Get<T>(x[1])} * Wide{t.Get<T>(x[2])});
}
template <typename Wide, typename T>
void WideMultiplyAdd(Thread& t, const Instruction& x) {
  t.Set<Wide>(x[0], MultiplyAdd<Wide>(t.Get<T>(x[1]), t.Get<T>(x[2]),
                                      t.Get<Wide>(x[3])));
}

template <typename T>
void AddIntegers(OpcodeTable& table, absl::string_view type) {
  table.Add(absl::StrCat("add.", type), "dss", Binary<T, Sum>);
  table.Add(absl::StrCat("sub.", type), "dss", Binary<T, Difference>);
  table.Add(absl::StrCat("mul.lo.", type), "dss", Binary<T, Product>);
  table.Add(absl::StrCat("mul.hi.", type), "dss", Binary<T, UpperProduct>);
  table.Add(absl::StrCat("mad.lo.", type), "dsss", Ternary<T, MultiplyAdd>);
  table.Add(absl::StrCat("div.", type), "dss", Binary<T, Quotient>);
  table.Add(absl::StrCat("rem.", type), "dss", Binary<T, Remainder>);
  table.Add(absl::StrCat("min.", type), "dss", Binary<T, Least>);
  table.Add(absl::StrCat("max.", type), "dss", Binary<T, Greatest>);
  if constexpr (std::is_signed_v<T>) {
    table.Add(absl::StrCat("neg.", type), "ds", Unary<T, Negative>);
    table.Add(absl::StrCat("abs.", type), "ds", Unary<T, Magnitude>);
  }
}

template <typename T>
void AddFloats(OpcodeTable& table, absl::string_view type) {
  for (absl::string_view mode : {"", "rn."}) {
    table.Add(absl::StrCat("add.", mode, type), "dss", Binary<T, Sum>);
    table.Add(absl::StrCat("sub.", mode, type), "dss", Binary<T, Difference>);
    table.Add(absl::StrCat("mul.", mode, type), "dss", Binary<T, Product>);
  }
  table.Add(absl::StrCat("fma.rn.", type), "dsss", Ternary<T, MultiplyAdd>);
  table.Add(absl::StrCat("div.rn.", type), "dss", Binary<T, Quotient>);
  table.Add(absl::StrCat("rcp.rn.", type), "ds", Unary<T, Reciprocal>);
  table.Add(absl::StrCat("sqrt.rn.", type), "ds", Unary<T, SquareRoot>);
  table.Add(absl::StrCat("min.", type), "dss", Binary<T, Least>);
  table.Add(absl::StrCat("max.", type), "dss", Binary<T, Greatest>);
  table.Add(absl::StrCat("neg.", type), "ds", Unary<T, Negative>);
  table.Add(absl::StrCat("abs.", type), "ds", Unary<T, Magnitude>);
}

}  // namespace

void AddArithmetic(OpcodeTable& table) {
  AddIntegers<int16_t>(table, "s16");
  AddIntegers<int32_t>(table, "s32");
  AddIntegers<int64_t>(table, "s64");
  AddIntegers<uint16_t>(table, "u16");
  AddIntegers<uint32_t>(table, "u32");
  AddIntegers<uint64_t>(table, "u64");
  table.Add("mul.wide.s32", "dss", WideProduct<int64_t, int32_t>);
  table.Add("mul.wide.u32", "dss", WideProduct<uint64_t, uint32_t>);
  table.Add("mad.wide.s32", "dsss", WideMultiplyAdd<int64_t, int32_t>);
  table.Add("mad.wide.u32", "dsss", WideMultiplyAdd<uint64_t, uint32_t>);
  AddFloats<float>(table, "f32");
  AddFloats<double>(table, "f64");
  table.Add("copysign.f32", "dss", Binary<float, CopySign>);
  table.Add("min.xorsign.abs.f32", "dss", Binary<float, SignedMinimum>);
  // Approximations are as exact as we can; a test's tolerance covers theirs.
  table.Add("ex2.approx.f32", "ds", Unary<float, Power2>);
  table.Add("ex2.approx.ftz.f32", "ds", Unary<float, Power2Flushed>);
  table.Add("lg2.approx.f32", "ds", Unary<float, Logarithm2>);
  table.Add("rcp.approx.ftz.f32", "ds", Unary<float, ReciprocalFlushed>);
  table.Add("rsqrt.approx.f32", "ds", Unary<float, ReciprocalRoot>);
}

}  // namespace cogdist::ptx
