#include "kernels/cast.h"

#include "kernels/checks.h"
#include "kernels/cpu/cast.h"
#include "kernels/route.h"

namespace cogdist {

void Cast(Stream& stream, const CastArgs& args) {
  COG_CHECK_ALIKE(args.to, args.from);
  for (const TensorView& x : {args.to, args.from}) {
    COG_CHECK(x.dtype == DType::kFloat32 || x.dtype == DType::kBFloat16,
              "no conversion for ", x.ToString());
  }
  Route(stream, args, {.cpu = cpu::Cast, .gpu = &KernelTable::cast});
}

}  // namespace cogdist
