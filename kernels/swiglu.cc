#include "kernels/swiglu.h"

#include "kernels/checks.h"
#include "kernels/cpu/swiglu.h"
#include "kernels/route.h"

namespace cogdist {

void SwiGluForward(Stream& stream, const SwiGluForwardArgs& args) {
  COG_CHECK_FLOAT(args.y, 2);
  const int64_t rows = args.y.dim(0), ffn = args.y.dim(1);
  COG_CHECK_TENSOR(args.y, args.y.dtype, {rows, ffn});
  COG_CHECK_TENSOR(args.gate_up, args.y.dtype, {rows, 2 * ffn});
  Route(stream, args,
        {.cpu = cpu::SwiGluForward, .gpu = &KernelTable::swiglu_forward});
}

void SwiGluBackward(Stream& stream, const SwiGluBackwardArgs& args) {
  COG_CHECK_FLOAT(args.dy, 2);
  const int64_t rows = args.dy.dim(0), ffn = args.dy.dim(1);
  COG_CHECK_TENSOR(args.dy, args.dy.dtype, {rows, ffn});
  COG_CHECK_TENSOR(args.gate_up, args.dy.dtype, {rows, 2 * ffn});
  COG_CHECK_TENSOR(args.d_gate_up, args.dy.dtype, {rows, 2 * ffn});
  Route(stream, args,
        {.cpu = cpu::SwiGluBackward, .gpu = &KernelTable::swiglu_backward});
}

}  // namespace cogdist
