#include "kernels/cpu/cast.h"

#include <cstring>

#include "kernels/cpu/strided_for.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/cast.cc"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {
namespace {

template <typename To, typename From>
void Convert(const CastArgs& args) {
  To* const to = args.to.Data<To>();
  const From* const from = args.from.Data<From>();
  ForEachRun(args.to, args.from, [&](int64_t t, int64_t f, int64_t count) {
    ForEachVector(count, [&](int64_t i, auto part) {
      Store(Load(from + f + i, part), to + t + i, part);
    });
  });
}

void CopyElements(const CastArgs& args) {
  const int64_t size = SizeOf(args.to.dtype);
  ForEachRun(args.to, args.from, [&](int64_t t, int64_t f, int64_t count) {
    std::memcpy(static_cast<char*>(args.to.data) + t * size,
                static_cast<char*>(args.from.data) + f * size, count * size);
  });
}

void Cast(CpuStream&, const CastArgs& args) {
  if (args.to.dtype == args.from.dtype) {
    CopyElements(args);
  } else if (args.to.dtype == DType::kBFloat16) {
    Convert<BFloat16, float>(args);
  } else {
    Convert<float, BFloat16>(args);
  }
}

}  // namespace
}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

COG_DISPATCH(Cast);
