#include "kernels/cast.h"

#include "kernels/cpu/cast.h"
#include "kernels/route.h"

namespace cogdist {

void Cast(Stream& stream, const CastArgs& args) {
  COG_CHECK(args.to.IsContiguous() && args.from.IsContiguous());
  COG_CHECK_EQ(args.to.num_elements(), args.from.num_elements());
  if (args.to.dtype != args.from.dtype) {
    for (const TensorView& x : {args.to, args.from}) {
      COG_CHECK(x.dtype == DType::kFloat32 || x.dtype == DType::kBFloat16,
                "no conversion for ", x.ToString());
    }
  }
  Route(stream, args, cpu::Cast);
}

}  // namespace cogdist
