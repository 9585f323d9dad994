#include "kernels/local_position.h"

#include "kernels/checks.h"
#include "kernels/cpu/local_position.h"
#include "kernels/route.h"

namespace cogdist {

void LocalPosition(Stream& stream, const LocalPositionArgs& args) {
  COG_CHECK_TENSOR(args.to, DType::kInt32, args.from.shape);
  COG_CHECK_TENSOR(args.from, DType::kInt32, args.from.shape);
  COG_CHECK_LE(args.begin[0] + args.length, args.begin[1]);
  Route(stream, args,
        {.cpu = cpu::LocalPosition, .gpu = &KernelTable::local_position});
}

}  // namespace cogdist
