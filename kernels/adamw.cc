#include "kernels/adamw.h"

#include "kernels/checks.h"
#include "kernels/cpu/adamw.h"
#include "kernels/route.h"

namespace cogdist {

void AdamW(Stream& stream, const AdamWArgs& args) {
  const int64_t n = args.param.num_elements();
  COG_CHECK_TENSOR(args.param, DType::kFloat32, {n});
  COG_CHECK_TENSOR(args.m, DType::kFloat32, {n});
  COG_CHECK_TENSOR(args.v, DType::kFloat32, {n});
  COG_CHECK_TENSOR(args.gradient, DType::kFloat32, {n});
  if (args.weight) COG_CHECK_TENSOR(args.weight, DType::kBFloat16, {n});
  COG_CHECK_GE(args.t, 1);
  Route(stream, args, {.cpu = cpu::AdamW, .gpu = &KernelTable::adamw});
}

}  // namespace cogdist
