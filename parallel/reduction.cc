#include "parallel/reduction.h"

#include "runtime/bfloat16.h"
#include "runtime/check.h"

namespace cogdist {
namespace {

// Plain loops that the compiler turns into vector code.
template <typename T>
void Add(T* __restrict y, const T* __restrict x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    y[i] = T(static_cast<float>(y[i]) + static_cast<float>(x[i]));
  }
}

// Not std::max, which drops a NaN on one side: only a NaN differs from itself.
void Max(float* __restrict y, const float* __restrict x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    y[i] = ((x[i] > y[i]) | (x[i] != x[i])) ? x[i] : y[i];
  }
}

}  // namespace

void Reduce(Reduction op, DType dtype, void* y, const void* x, int64_t count) {
  if (op == Reduction::kMax) {
    COG_CHECK(dtype == DType::kFloat32);
    Max(static_cast<float*>(y), static_cast<const float*>(x), count);
    return;
  }
  DispatchFloat(dtype, [&]<typename T>(T) {
    Add(static_cast<T*>(y), static_cast<const T*>(x), count);
  });
}

}  // namespace cogdist
