#include "kernels/elementwise.h"

#include "kernels/checks.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/route.h"

namespace cogdist {

void Add(Stream& stream, const AddArgs& args) {
  COG_CHECK(args.y.dtype == args.x.dtype, args.y.ToString(),
            " += ", args.x.ToString());
  COG_CHECK_ALIKE(args.y, args.x);
  Route(stream, args, {.cpu = cpu::Add, .gpu = &KernelTable::add});
}

}  // namespace cogdist
