// Checks of the arguments that RMSNorm and LayerNorm have in common.

#ifndef COGDIST_KERNELS_NORM_CHECKS_H_
#define COGDIST_KERNELS_NORM_CHECKS_H_

#include "kernels/checks.h"

namespace cogdist {

// x [rows, hidden], gain [hidden], rstd [rows].
template <typename Args>
void CheckNormOperands(const Args& args) {
  COG_CHECK_FLOAT(args.x, 2);
  COG_CHECK_FLOAT(args.gain, 1);
  COG_CHECK_TENSOR(args.x, args.x.dtype, args.x.shape);
  COG_CHECK_TENSOR(args.gain, args.gain.dtype, {args.x.dim(1)});
  COG_CHECK_TENSOR(args.rstd, DType::kFloat32, {args.x.dim(0)});
}

template <typename ForwardArgs>
void CheckNormForward(const ForwardArgs& args) {
  CheckNormOperands(args);
  COG_CHECK_TENSOR(args.y, args.x.dtype, args.x.shape);
  if (!args.residual) return;
  COG_CHECK_TENSOR(args.residual, args.x.dtype, args.x.shape);
  COG_CHECK_TENSOR(args.sum, args.x.dtype, args.x.shape);
}

template <typename BackwardArgs>
void CheckNormBackward(const BackwardArgs& args) {
  CheckNormOperands(args);
  COG_CHECK_TENSOR(args.dx, args.x.dtype, args.x.shape);
  COG_CHECK_TENSOR(args.dy, args.x.dtype, args.x.shape);
  COG_CHECK_TENSOR(args.dgain, DType::kFloat32, args.gain.shape);
  if (!args.residual_gradient) return;
  COG_CHECK_TENSOR(args.residual_gradient, args.x.dtype, args.x.shape);
}

}  // namespace cogdist

#endif  // COGDIST_KERNELS_NORM_CHECKS_H_
