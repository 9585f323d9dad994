#include "kernels/layernorm.h"
#include "kernels/rmsnorm.h"
#include "launcher/bench/bench.h"
#include "launcher/bench/device_tensors.h"
#include "launcher/bench/kernel_benchmarks.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// What both norms take and give, forward and backward.
struct NormTensors {
  NormTensors(DeviceTensors& tensors, const Bench& bench) {
    const DType type = bench.type;
    const int64_t rows = bench.shapes.rows, hidden = bench.shapes.hidden;
    for (TensorView* result : {&y, &sum, &dx}) {
      *result = tensors.Zeros(type, {rows, hidden});
    }
    for (TensorView* input : {&x, &residual, &dy, &residual_gradient}) {
      *input = tensors.Normal(type, {rows, hidden});
    }
    gain = tensors.Normal(type, {hidden});
    dgain = tensors.Zeros(DType::kFloat32, {hidden});
    rstd = tensors.Zeros(DType::kFloat32, {rows});
  }

  TensorView y, sum, x, residual, dx, dy, residual_gradient;  // [rows, hidden]
  TensorView gain, dgain;                                     // [hidden]
  TensorView rstd;                                            // [rows]
};

absl::Status RmsNormRates(const Bench& bench) {
  const auto& [shapes, type, timer] = bench;
  Stream& stream = bench.stream();
  DeviceTensors tensors(stream);
  const NormTensors norm(tensors, bench);
  const RmsNormForwardArgs forward = {.y = norm.y,
                                      .rstd = norm.rstd,
                                      .sum = norm.sum,
                                      .x = norm.x,
                                      .residual = norm.residual,
                                      .gain = norm.gain};
  const RmsNormBackwardArgs backward = {
      .dx = norm.dx,
      .dgain = norm.dgain,
      .dy = norm.dy,
      .x = norm.sum,
      .gain = norm.gain,
      .rstd = norm.rstd,
      .residual_gradient = norm.residual_gradient};
  COG_RETURN_IF_ERROR(tensors.status());
  timer.Time(bench.What("rmsnorm forward"),
             RmsNormForwardCost(shapes.rows, shapes.hidden, type),
             [&] { RmsNormForward(stream, forward); });
  timer.Time(bench.What("rmsnorm backward"),
             RmsNormBackwardCost(shapes.rows, shapes.hidden, type),
             [&] { RmsNormBackward(stream, backward); });
  return absl::OkStatus();
}

absl::Status LayerNormRates(const Bench& bench) {
  const auto& [shapes, type, timer] = bench;
  Stream& stream = bench.stream();
  DeviceTensors tensors(stream);
  const NormTensors norm(tensors, bench);
  const LayerNormForwardArgs forward = {
      .y = norm.y,
      .mean = tensors.Zeros(DType::kFloat32, {shapes.rows}),
      .rstd = norm.rstd,
      .sum = norm.sum,
      .x = norm.x,
      .residual = norm.residual,
      .gain = norm.gain,
      .bias = tensors.Normal(type, {shapes.hidden})};
  const LayerNormBackwardArgs backward = {
      .dx = norm.dx,
      .dgain = norm.dgain,
      .dbias = tensors.Zeros(DType::kFloat32, {shapes.hidden}),
      .dy = norm.dy,
      .x = norm.sum,
      .gain = norm.gain,
      .mean = forward.mean,
      .rstd = norm.rstd,
      .residual_gradient = norm.residual_gradient};
  COG_RETURN_IF_ERROR(tensors.status());
  timer.Time(bench.What("layernorm forward"),
             LayerNormForwardCost(shapes.rows, shapes.hidden, type),
             [&] { LayerNormForward(stream, forward); });
  timer.Time(bench.What("layernorm backward"),
             LayerNormBackwardCost(shapes.rows, shapes.hidden, type),
             [&] { LayerNormBackward(stream, backward); });
  return absl::OkStatus();
}

}  // namespace

absl::Status BenchmarkNorms(const KernelShapes& shapes, DType type,
                            KernelTimer& timer) {
  const Bench bench = {shapes, type, timer};
  COG_RETURN_IF_ERROR(RmsNormRates(bench));
  return LayerNormRates(bench);
}

}  // namespace cogdist
