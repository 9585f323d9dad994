#include "parallel/accumulate.h"

#include "runtime/bfloat16.h"

namespace cogdist {
namespace {

// Plain loops that the compiler turns into vector code.
template <typename T>
void Add(T* __restrict y, const T* __restrict x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    y[i] = T(static_cast<float>(y[i]) + static_cast<float>(x[i]));
  }
}

}  // namespace

void Accumulate(DType dtype, void* y, const void* x, int64_t count) {
  DispatchFloat(dtype, [&]<typename T>(T) {
    Add(static_cast<T*>(y), static_cast<const T*>(x), count);
  });
}

}  // namespace cogdist
