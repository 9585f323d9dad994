// Element types of tensors, token files and weight files.

#ifndef COGDIST_RUNTIME_DTYPE_H_
#define COGDIST_RUNTIME_DTYPE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "runtime/bfloat16.h"
#include "runtime/check.h"

namespace cogdist {

enum class DType { kFloat32, kBFloat16, kFloat64, kInt32, kInt64, kUInt16 };

// Bytes of one element.
constexpr int64_t SizeOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
    case DType::kInt32:
      return 4;
    case DType::kBFloat16:
    case DType::kUInt16:
      return 2;
    case DType::kInt64:
    case DType::kFloat64:
      return 8;
  }
  return 0;
}

constexpr absl::string_view Name(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return "float32";
    case DType::kBFloat16:
      return "bfloat16";
    case DType::kFloat64:
      return "float64";
    case DType::kInt32:
      return "int32";
    case DType::kInt64:
      return "int64";
    case DType::kUInt16:
      return "uint16";
  }
  return "?";
}

// The DType of a C++ type, e.g. DTypeOf<float>() == DType::kFloat32.
template <typename T>
constexpr DType DTypeOf();
template <>
constexpr DType DTypeOf<float>() {
  return DType::kFloat32;
}
template <>
constexpr DType DTypeOf<BFloat16>() {
  return DType::kBFloat16;
}
template <>
constexpr DType DTypeOf<double>() {
  return DType::kFloat64;
}
template <>
constexpr DType DTypeOf<int32_t>() {
  return DType::kInt32;
}
template <>
constexpr DType DTypeOf<int64_t>() {
  return DType::kInt64;
}
template <>
constexpr DType DTypeOf<uint16_t>() {
  return DType::kUInt16;
}

// Calls `f` with a value of the C++ type behind a floating-point `dtype`:
//   DispatchFloat(x.dtype, [&]<typename T>(T) { Kernel<T>(...); });
template <typename F>
decltype(auto) DispatchFloat(DType dtype, F&& f) {
  if (dtype == DType::kBFloat16) return f(BFloat16{});
  COG_CHECK(dtype == DType::kFloat32,
            "not a floating-point type: ", Name(dtype));
  return f(float{});
}

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DTYPE_H_
