// setp: predicates from numbers.

#include <cmath>
#include <functional>

#include "absl/strings/str_cat.h"
#include "tests/vgpu/ptx/opcodes.h"
#include "tests/vgpu/ptx/thread.h"

namespace cogdist::ptx {
namespace {

template <typename T, typename Compare>
void Set(Thread& t, const Instruction& x) {
  t.Set(x[0], Compare{}(t.Get<T>(x[1]), t.Get<T>(x[2])));
}

// True also where either number is NaN.
template <typename Compare>
struct Unordered {
  template <typename T>
  bool operator()(T x, T y) const {
    return std::isunordered(x, y) || Compare{}(x, y);
  }
};
// C++ calls NaN unequal to everything; setp.ne does not.
struct OrderedNotEqual {
  template <typename T>
  bool operator()(T x, T y) const {
    return x < y || x > y;
  }
};
struct BothNumbers {
  template <typename T>
  bool operator()(T x, T y) const {
    return !std::isunordered(x, y);
  }
};
struct EitherNan {
  template <typename T>
  bool operator()(T x, T y) const {
    return std::isunordered(x, y);
  }
};

template <typename T, typename Compare>
void Add(OpcodeTable& table, absl::string_view operation,
         absl::string_view type) {
  table.Add(absl::StrCat("setp.", operation, ".", type), "dss",
            Set<T, Compare>);
}

template <typename T>
void AddEquality(OpcodeTable& table, absl::string_view type) {
  Add<T, std::equal_to<>>(table, "eq", type);
  Add<T, std::not_equal_to<>>(table, "ne", type);
}

template <typename T>
void AddOrder(OpcodeTable& table, absl::string_view type) {
  Add<T, std::less<>>(table, "lt", type);
  Add<T, std::less_equal<>>(table, "le", type);
  Add<T, std::greater<>>(table, "gt", type);
  Add<T, std::greater_equal<>>(table, "ge", type);
}

template <typename T>
void AddFloats(OpcodeTable& table, absl::string_view type) {
  AddOrder<T>(table, type);
  Add<T, std::equal_to<>>(table, "eq", type);
  Add<T, OrderedNotEqual>(table, "ne", type);
  Add<T, Unordered<std::equal_to<>>>(table, "equ", type);
  Add<T, std::not_equal_to<>>(table, "neu", type);
  Add<T, Unordered<std::less<>>>(table, "ltu", type);
  Add<T, Unordered<std::less_equal<>>>(table, "leu", type);
  Add<T, Unordered<std::greater<>>>(table, "gtu", type);
  Add<T, Unordered<std::greater_equal<>>>(table, "geu", type);
  Add<T, BothNumbers>(table, "num", type);
  Add<T, EitherNan>(table, "nan", type);
}

// `bits`: 16, 32 or 64.
template <typename Unsigned>
void AddWidth(OpcodeTable& table, int bits) {
  using Signed = std::make_signed_t<Unsigned>;
  AddEquality<Unsigned>(table, absl::StrCat("b", bits));
  AddEquality<Unsigned>(table, absl::StrCat("u", bits));
  AddEquality<Signed>(table, absl::StrCat("s", bits));
  AddOrder<Unsigned>(table, absl::StrCat("u", bits));
  AddOrder<Signed>(table, absl::StrCat("s", bits));
}

}  // namespace

void AddComparisons(OpcodeTable& table) {
  AddWidth<uint16_t>(table, 16);
  AddWidth<uint32_t>(table, 32);
  AddWidth<uint64_t>(table, 64);
  AddFloats<float>(table, "f32");
  AddFloats<double>(table, "f64");
}

}  // namespace cogdist::ptx
