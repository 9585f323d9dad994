#include "kernels/cpu/elementwise.h"

#include "kernels/cpu/strided_for.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/elementwise.cc"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {
namespace {

template <typename T>
void AddTo(const AddArgs& args) {
  T* const y = args.y.Data<T>();
  const T* const x = args.x.Data<T>();
  ForEachRun(args.y, args.x, [&](int64_t to, int64_t from, int64_t count) {
    ForEachVector(count, [&](int64_t i, auto part) {
      const Vec sum = hn::Add(Load(y + to + i, part), Load(x + from + i, part));
      Store(sum, y + to + i, part);
    });
  });
}

void Add(CpuStream&, const AddArgs& args) {
  DispatchFloat(args.y.dtype, [&]<typename T>(T) { AddTo<T>(args); });
}

}  // namespace
}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

COG_DISPATCH(Add);
