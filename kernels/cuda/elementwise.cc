#include "kernels/elementwise.h"

#include <cmath>

#include "kernels/adamw.h"
#include "kernels/cast.h"
#include "kernels/cuda/elementwise_launch.h"
#include "kernels/cuda/launch_args.h"
#include "kernels/cuda/operations.h"
#include "kernels/local_position.h"
#include "kernels/rope.h"
#include "kernels/swiglu.h"

namespace cogdist::cuda {

void Rope(Stream& stream, const RopeArgs& args) {
  const TensorView& x = args.x;
  LaunchRope(HandleOf(stream), {.x = x.data,
                                .table = args.table.Data<float>(),
                                .batch = x.dim(0),
                                .seq = x.dim(1),
                                .heads = x.dim(2),
                                .head_dim = x.dim(3),
                                .batch_stride = x.strides.dim(0),
                                .seq_stride = x.strides.dim(1),
                                .head_stride = x.strides.dim(2),
                                .max_positions = args.table.dim(1),
                                .first_position = args.first_position,
                                .inverse = args.inverse,
                                .type = TypeOf(x)});
}

void SwiGluForward(Stream& stream, const SwiGluForwardArgs& args) {
  LaunchSwiGluForward(HandleOf(stream), {.y = args.y.data,
                                         .gate_up = args.gate_up.data,
                                         .rows = args.y.dim(0),
                                         .ffn = args.y.dim(1),
                                         .type = TypeOf(args.y)});
}

void SwiGluBackward(Stream& stream, const SwiGluBackwardArgs& args) {
  LaunchSwiGluBackward(HandleOf(stream), {.d_gate_up = args.d_gate_up.data,
                                          .dy = args.dy.data,
                                          .gate_up = args.gate_up.data,
                                          .rows = args.dy.dim(0),
                                          .ffn = args.dy.dim(1),
                                          .type = TypeOf(args.dy)});
}

void AdamW(Stream& stream, const AdamWArgs& args) {
  AdamWLaunch launch = {
      .param = args.param.Data<float>(),
      .m = args.m.Data<float>(),
      .v = args.v.Data<float>(),
      .weight =
          args.weight ? static_cast<uint16_t*>(args.weight.data) : nullptr,
      .gradient = args.gradient.Data<float>(),
      .n = args.param.num_elements(),
      .gradient_scale = args.gradient_scale,
      .beta1 = static_cast<float>(args.beta1),
      .one_minus_beta1 = static_cast<float>(1 - args.beta1),
      .beta2 = static_cast<float>(args.beta2),
      .one_minus_beta2 = static_cast<float>(1 - args.beta2),
      .minus_decay = static_cast<float>(-args.lr * args.weight_decay),
      .eps = static_cast<float>(args.eps)};
  const double t = static_cast<double>(args.t);
  launch.step = static_cast<float>(-args.lr / (1 - std::pow(args.beta1, t)));
  launch.v_correction = static_cast<float>(1 / (1 - std::pow(args.beta2, t)));
  LaunchAdamW(HandleOf(stream), launch);
}

void Cast(Stream& stream, const CastArgs& args) {
  LaunchCast(HandleOf(stream), {.to = args.to.data,
                                .from = args.from.data,
                                .n = args.to.num_elements(),
                                .runs = RunsOf(args.to, args.from),
                                .to_type = TypeOf(args.to),
                                .from_type = TypeOf(args.from)});
}

void Add(Stream& stream, const AddArgs& args) {
  LaunchAdd(HandleOf(stream), {.y = args.y.data,
                               .x = args.x.data,
                               .n = args.y.num_elements(),
                               .runs = RunsOf(args.y, args.x),
                               .type = TypeOf(args.y)});
}

void LocalPosition(Stream& stream, const LocalPositionArgs& args) {
  LaunchLocalPosition(HandleOf(stream),
                      {.to = args.to.Data<int32_t>(),
                       .from = args.from.Data<int32_t>(),
                       .n = args.to.num_elements(),
                       .begin = {args.begin[0], args.begin[1]},
                       .length = args.length});
}

}  // namespace cogdist::cuda
