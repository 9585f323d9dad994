// Logic, shifts, fields of bits and of bytes, and moves.

#include <bit>

#include "absl/strings/str_cat.h"
#include "tests/vgpu/ptx/opcodes.h"
#include "tests/vgpu/ptx/thread.h"

namespace cogdist::ptx {
namespace {

template <typename T>
void And(Thread& t, const Instruction& x) {
  t.Set<T>(x[0], t.Get<T>(x[1]) & t.Get<T>(x[2]));
}
template <typename T>
void Or(Thread& t, const Instruction& x) {
  t.Set<T>(x[0], t.Get<T>(x[1]) | t.Get<T>(x[2]));
}
template <typename T>
void Xor(Thread& t, const Instruction& x) {
  t.Set<T>(x[0], t.Get<T>(x[1]) ^ t.Get<T>(x[2]));
}
template <typename T>
void Not(Thread& t, const Instruction& x) {
  t.Set<T>(x[0], ~t.Get<T>(x[1]));
}
void NotPredicate(Thread& t, const Instruction& x) {
  t.Set(x[0], !t.Get<bool>(x[1]));
}

// Any function of three bits: its values, the bits of a table.
void Lookup3(Thread& t, const Instruction& x) {
  const auto a = t.Get<uint32_t>(x[1]), b = t.Get<uint32_t>(x[2]),
             c = t.Get<uint32_t>(x[3]), table = t.Get<uint32_t>(x[4]);
  uint32_t result = 0;
  for (int row = 0; row < 8; ++row) {
    if ((table >> row & 1) == 0) continue;
    result |= ((row & 4) != 0 ? a : ~a) & ((row & 2) != 0 ? b : ~b) &
              ((row & 1) != 0 ? c : ~c);
  }
  t.Set(x[0], result);
}

// Shifts by more than the width leave nothing, or the sign.
template <typename T>
void ShiftLeft(Thread& t, const Instruction& x) {
  const auto bits = t.Get<uint32_t>(x[2]);
  const auto value = t.Get<T>(x[1]);
  t.Set<T>(x[0], bits < 8 * sizeof(T) ? static_cast<T>(value << bits) : 0);
}
template <typename T>
void ShiftRight(Thread& t, const Instruction& x) {
  const auto bits = t.Get<uint32_t>(x[2]);
  const auto value = t.Get<T>(x[1]);
  const T rest = value < 0 ? static_cast<T>(-1) : 0;
  t.Set<T>(x[0], bits < 8 * sizeof(T) ? static_cast<T>(value >> bits) : rest);
}

// The number whose lowest `length` bits are set.
uint32_t LowBits(uint32_t length) {
  return length >= 32 ? ~0u : (1u << length) - 1;
}
void InsertField(Thread& t, const Instruction& x) {
  const uint32_t from = t.Get<uint8_t>(x[3]), length = t.Get<uint8_t>(x[4]);
  const uint32_t mask = from >= 32 ? 0 : LowBits(length) << from;
  const uint32_t field = from >= 32 ? 0 : t.Get<uint32_t>(x[1]) << from;
  t.Set(x[0], (t.Get<uint32_t>(x[2]) & ~mask) | (field & mask));
}
void ExtractField(Thread& t, const Instruction& x) {
  const uint32_t from = t.Get<uint8_t>(x[2]), length = t.Get<uint8_t>(x[3]);
  t.Set(x[0], from >= 32 ? 0 : t.Get<uint32_t>(x[1]) >> from & LowBits(length));
}

void ReverseBits(Thread& t, const Instruction& x) {
  uint32_t from = t.Get<uint32_t>(x[1]), to = 0;
  for (int i = 0; i < 32; ++i, from >>= 1) to = to << 1 | (from & 1);
  t.Set(x[0], to);
}
void CountBits(Thread& t, const Instruction& x) {
  t.Set<uint32_t>(x[0], std::popcount(t.Get<uint32_t>(x[1])));
}
void CountLeadingZeros(Thread& t, const Instruction& x) {
  t.Set<uint32_t>(x[0], std::countl_zero(t.Get<uint32_t>(x[1])));
}
// The position of the highest set bit, or how far to shift it to the top; all
// bits set if there is none.
template <bool kShift>
void FindHighest(Thread& t, const Instruction& x) {
  const auto value = t.Get<uint32_t>(x[1]);
  const uint32_t zeros = std::countl_zero(value);
  t.Set<uint32_t>(x[0], value == 0 ? ~0u : kShift ? zeros : 31 - zeros);
}

// Four bytes of the eight in two registers; a selector's highest bit asks for
// eight copies of the byte's sign.
void Permute(Thread& t, const Instruction& x) {
  const uint64_t bytes = t.Get<uint32_t>(x[1]) | uint64_t{t.Get<uint32_t>(x[2])}
                                                     << 32;
  const auto selectors = t.Get<uint32_t>(x[3]);
  uint32_t result = 0;
  for (int i = 0; i < 4; ++i) {
    const uint32_t selector = selectors >> 4 * i;
    auto byte = static_cast<uint8_t>(bytes >> 8 * (selector & 7));
    if ((selector & 8) != 0) byte = (byte & 0x80) != 0 ? 0xff : 0;
    result |= uint32_t{byte} << 8 * i;
  }
  t.Set(x[0], result);
}

template <typename T>
void Move(Thread& t, const Instruction& x) {
  t.Set(x[0], t.Get<T>(x[1]));
}
template <typename T, typename Half>
void Pack(Thread& t, const Instruction& x) {
  t.Set<T>(x[0], t.Get<Half>(x[1]) | T{t.Get<Half>(x[2])} << 8 * sizeof(Half));
}
template <typename T, typename Half>
void Unpack(Thread& t, const Instruction& x) {
  const T both = t.Get<T>(x[2]);
  t.Set(x[0], static_cast<Half>(both));
  t.Set(x[1], static_cast<Half>(both >> 8 * sizeof(Half)));
}
template <typename T>
void Select(Thread& t, const Instruction& x) {
  t.Set(x[0], t.Get<T>(t.Get<bool>(x[3]) ? x[1] : x[2]));
}

template <typename T>
void AddLogic(OpcodeTable& table, absl::string_view type) {
  table.Add(absl::StrCat("and.", type), "dss", And<T>);
  table.Add(absl::StrCat("or.", type), "dss", Or<T>);
  table.Add(absl::StrCat("xor.", type), "dss", Xor<T>);
}

// `bits`: 16, 32 or 64.
template <typename Unsigned>
void AddWidth(OpcodeTable& table, int bits) {
  using Signed = std::make_signed_t<Unsigned>;
  AddLogic<Unsigned>(table, absl::StrCat("b", bits));
  table.Add(absl::StrCat("not.b", bits), "ds", Not<Unsigned>);
  table.Add(absl::StrCat("shl.b", bits), "dss", ShiftLeft<Unsigned>);
  table.Add(absl::StrCat("shr.u", bits), "dss", ShiftRight<Unsigned>);
  table.Add(absl::StrCat("shr.b", bits), "dss", ShiftRight<Unsigned>);
  table.Add(absl::StrCat("shr.s", bits), "dss", ShiftRight<Signed>);
  for (absl::string_view type : {"b", "u", "s", "f"}) {
    if (bits == 16 && type == "f") continue;
    table.Add(absl::StrCat("mov.", type, bits), "ds", Move<Unsigned>);
    table.Add(absl::StrCat("selp.", type, bits), "dsss", Select<Unsigned>);
  }
}

}  // namespace

void AddBitOperations(OpcodeTable& table) {
  AddWidth<uint16_t>(table, 16);
  AddWidth<uint32_t>(table, 32);
  AddWidth<uint64_t>(table, 64);
  AddLogic<bool>(table, "pred");
  table.Add("not.pred", "ds", NotPredicate);
  table.Add("mov.pred", "ds", Move<bool>);
  table.Add("mov.b32", "d{ss}", Pack<uint32_t, uint16_t>);
  table.Add("mov.b32", "{dd}s", Unpack<uint32_t, uint16_t>);
  table.Add("mov.b64", "d{ss}", Pack<uint64_t, uint32_t>);
  table.Add("mov.b64", "{dd}s", Unpack<uint64_t, uint32_t>);
  table.Add("lop3.b32", "dssss", Lookup3);
  table.Add("bfi.b32", "dssss", InsertField);
  table.Add("bfe.u32", "dsss", ExtractField);
  table.Add("brev.b32", "ds", ReverseBits);
  table.Add("popc.b32", "ds", CountBits);
  table.Add("clz.b32", "ds", CountLeadingZeros);
  table.Add("bfind.u32", "ds", FindHighest<false>);
  table.Add("bfind.shiftamt.u32", "ds", FindHighest<true>);
  table.Add("prmt.b32", "dsss", Permute);
}

}  // namespace cogdist::ptx
