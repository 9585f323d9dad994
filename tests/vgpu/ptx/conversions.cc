// cvt between types, and cvta between address spaces.

#include <cmath>

#include "absl/strings/str_cat.h"
#include "runtime/bfloat16.h"
#include "tests/vgpu/ptx/opcodes.h"
#include "tests/vgpu/ptx/thread.h"

namespace cogdist::ptx {
namespace {

// Cuts integers off, extends them by zeros or by their sign, and rounds
// integers and doubles to the nearest float.
template <typename To, typename From>
void Convert(Thread& t, const Instruction& x) {
  t.Set(x[0], static_cast<To>(t.Get<From>(x[1])));
}

template <typename To, typename From>
void AddInteger(OpcodeTable& table, absl::string_view to,
                absl::string_view from) {
  table.Add(absl::StrCat("cvt.", to, ".", from), "ds", Convert<To, From>);
}

template <typename From>
void AddIntegersFrom(OpcodeTable& table, absl::string_view from) {
  AddInteger<uint8_t, From>(table, "u8", from);
  AddInteger<uint16_t, From>(table, "u16", from);
  AddInteger<uint32_t, From>(table, "u32", from);
  AddInteger<uint64_t, From>(table, "u64", from);
  AddInteger<int8_t, From>(table, "s8", from);
  AddInteger<int16_t, From>(table, "s16", from);
  AddInteger<int32_t, From>(table, "s32", from);
  AddInteger<int64_t, From>(table, "s64", from);
  table.Add(absl::StrCat("cvt.rn.f32.", from), "ds", Convert<float, From>);
  table.Add(absl::StrCat("cvt.rn.f64.", from), "ds", Convert<double, From>);
}

// To the integer towards zero.
void Truncate(Thread& t, const Instruction& x) {
  t.Set(x[0], std::trunc(t.Get<float>(x[1])));
}

// Rounded to nearest even. The first number goes into the upper half.
void PackBf16(Thread& t, const Instruction& x) {
  const uint32_t high = BFloat16(t.Get<float>(x[1])).bits,
                 low = BFloat16(t.Get<float>(x[2])).bits;
  t.Set(x[0], high << 16 | low);
}

// A generic address of global memory is its address.
void SameAddress(Thread& t, const Instruction& x) {
  t.Set(x[0], t.Get<uint64_t>(x[1]));
}

}  // namespace

void AddConversions(OpcodeTable& table) {
  AddIntegersFrom<uint8_t>(table, "u8");
  AddIntegersFrom<uint16_t>(table, "u16");
  AddIntegersFrom<uint32_t>(table, "u32");
  AddIntegersFrom<uint64_t>(table, "u64");
  AddIntegersFrom<int8_t>(table, "s8");
  AddIntegersFrom<int16_t>(table, "s16");
  AddIntegersFrom<int32_t>(table, "s32");
  AddIntegersFrom<int64_t>(table, "s64");
  table.Add("cvt.f64.f32", "ds", Convert<double, float>);
  table.Add("cvt.rn.f32.f64", "ds", Convert<float, double>);
  table.Add("cvt.rzi.f32.f32", "ds", Truncate);
  table.Add("cvt.rn.bf16x2.f32", "dss", PackBf16);
  table.Add("cvta.to.global.u64", "ds", SameAddress);
  table.Add("cvta.global.u64", "ds", SameAddress);
}

}  // namespace cogdist::ptx
