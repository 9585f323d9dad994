#include "kernels/adamw.h"
#include "kernels/cast.h"
#include "kernels/column_sum.h"
#include "kernels/cross_entropy.h"
#include "kernels/elementwise.h"
#include "kernels/embedding.h"
#include "kernels/gelu.h"
#include "kernels/reduce.h"
#include "kernels/rope.h"
#include "kernels/swiglu.h"
#include "launcher/bench/bench.h"
#include "launcher/bench/device_tensors.h"
#include "launcher/bench/kernel_benchmarks.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

constexpr DType kFloat32 = DType::kFloat32;

absl::Status RotaryEmbeddingRates(const Bench& bench) {
  const auto& [shapes, type, timer] = bench;
  Stream& stream = bench.stream();
  const int64_t head_dim = shapes.head_dims.back();
  const int64_t heads = shapes.hidden / head_dim;
  DeviceTensors tensors(stream);
  const RopeArgs args = {
      .x = tensors.Normal(type, {1, shapes.rows, heads, head_dim}),
      .table = tensors.Copy(RopeTable(shapes.rows, head_dim, 1e4),
                            {2, shapes.rows, head_dim / 2})};
  COG_RETURN_IF_ERROR(tensors.status());
  timer.Time(
      bench.What("rope"),
      RopeCost(shapes.rows, heads * head_dim, shapes.rows, head_dim, type),
      [&] { Rope(stream, args); });
  return absl::OkStatus();
}

absl::Status SwiGluRates(const Bench& bench) {
  const auto& [shapes, type, timer] = bench;
  Stream& stream = bench.stream();
  const int64_t rows = shapes.rows, ffn = shapes.ffn;
  DeviceTensors tensors(stream);
  const SwiGluForwardArgs forward = {
      .y = tensors.Zeros(type, {rows, ffn}),
      .gate_up = tensors.Normal(type, {rows, 2 * ffn})};
  const SwiGluBackwardArgs backward = {
      .d_gate_up = tensors.Zeros(type, {rows, 2 * ffn}),
      .dy = tensors.Normal(type, {rows, ffn}),
      .gate_up = forward.gate_up};
  COG_RETURN_IF_ERROR(tensors.status());
  timer.Time(bench.What("swiglu forward"), SwiGluForwardCost(rows, ffn, type),
             [&] { SwiGluForward(stream, forward); });
  timer.Time(bench.What("swiglu backward"), SwiGluBackwardCost(rows, ffn, type),
             [&] { SwiGluBackward(stream, backward); });
  return absl::OkStatus();
}

absl::Status GeluRates(const Bench& bench) {
  const auto& [shapes, type, timer] = bench;
  Stream& stream = bench.stream();
  const int64_t rows = shapes.rows, ffn = shapes.ffn;
  DeviceTensors tensors(stream);
  const GeluForwardArgs forward = {.y = tensors.Zeros(type, {rows, ffn}),
                                   .x = tensors.Normal(type, {rows, ffn}),
                                   .bias = tensors.Normal(type, {ffn})};
  const GeluBackwardArgs backward = {.dx = tensors.Zeros(type, {rows, ffn}),
                                     .dbias = tensors.Zeros(kFloat32, {ffn}),
                                     .dy = tensors.Normal(type, {rows, ffn}),
                                     .x = forward.x,
                                     .bias = forward.bias};
  COG_RETURN_IF_ERROR(tensors.status());
  timer.Time(bench.What("gelu forward"), GeluForwardCost(rows, ffn, type),
             [&] { GeluForward(stream, forward); });
  timer.Time(bench.What("gelu backward"), GeluBackwardCost(rows, ffn, type),
             [&] { GeluBackward(stream, backward); });
  return absl::OkStatus();
}

absl::Status EmbeddingRates(const Bench& bench) {
  const auto& [shapes, type, timer] = bench;
  Stream& stream = bench.stream();
  const int64_t rows = shapes.rows, hidden = shapes.hidden;
  DeviceTensors tensors(stream);
  const EmbeddingForwardArgs forward = {
      .y = tensors.Zeros(type, {rows, hidden}),
      .table = tensors.Normal(type, {shapes.vocab, hidden}),
      .ids = tensors.Ids(rows, shapes.vocab)};
  const EmbeddingBackwardArgs backward = {
      .dtable = tensors.Zeros(kFloat32, {shapes.vocab, hidden}),
      .dy = tensors.Normal(type, {rows, hidden}),
      .ids = forward.ids};
  COG_RETURN_IF_ERROR(tensors.status());
  timer.Time(bench.What("embedding forward"),
             EmbeddingForwardCost(rows, hidden, type),
             [&] { EmbeddingForward(stream, forward); });
  timer.Time(bench.What("embedding backward"),
             EmbeddingBackwardCost(rows, hidden, shapes.vocab, type),
             [&] { EmbeddingBackward(stream, backward); });
  return absl::OkStatus();
}

absl::Status LossRates(const Bench& bench) {
  const auto& [shapes, type, timer] = bench;
  Stream& stream = bench.stream();
  const Shape size = {shapes.rows, shapes.vocab};
  DeviceTensors tensors(stream);
  const CrossEntropyArgs args = {
      .loss = tensors.Zeros(kFloat32, {shapes.rows}),
      .dlogits = tensors.Zeros(type, size),
      .logits = tensors.Normal(kFloat32, size),
      .targets = tensors.Ids(shapes.rows, shapes.vocab)};
  COG_RETURN_IF_ERROR(tensors.status());
  timer.Time(bench.What("cross-entropy"),
             CrossEntropyCost(shapes.rows, shapes.vocab, type),
             [&] { CrossEntropy(stream, args); });
  return absl::OkStatus();
}

absl::Status OptimizerRates(const Bench& bench) {
  const auto& [shapes, type, timer] = bench;
  Stream& stream = bench.stream();
  const int64_t n = shapes.parameters;
  const bool narrow = type == DType::kBFloat16;
  DeviceTensors tensors(stream);
  const TensorView weight = narrow ? tensors.Zeros(type, {n}) : TensorView();
  const AdamWArgs update = {.param = tensors.Normal(kFloat32, {n}),
                            .m = tensors.Zeros(kFloat32, {n}),
                            .v = tensors.Zeros(kFloat32, {n}),
                            .weight = weight,
                            .gradient = tensors.Normal(kFloat32, {n}),
                            .lr = 1e-3,
                            .weight_decay = 0.1};
  const ChunkSumsOfSquaresArgs norm = {
      .out = tensors.Zeros(DType::kFloat64, {NumReduceChunks(n)}),
      .x = update.gradient};
  COG_RETURN_IF_ERROR(tensors.status());
  timer.Time(bench.What("adamw"), AdamWCost(n, narrow),
             [&] { AdamW(stream, update); });
  if (!narrow) {
    timer.Time(bench.What("gradient norm"), ChunkSumsCost(n),
               [&] { ChunkSumsOfSquares(stream, norm); });
    return absl::OkStatus();
  }
  const CastArgs cast = {.to = weight, .from = update.param};
  timer.Time("cast float32 to bfloat16", CastCost(n, kFloat32, type),
             [&] { Cast(stream, cast); });
  return absl::OkStatus();
}

absl::Status AdditionRates(const Bench& bench) {
  const auto& [shapes, type, timer] = bench;
  Stream& stream = bench.stream();
  const Shape size = {shapes.rows, shapes.hidden};
  DeviceTensors tensors(stream);
  const AddArgs args = {.y = tensors.Zeros(type, size),
                        .x = tensors.Normal(type, size)};
  COG_RETURN_IF_ERROR(tensors.status());
  timer.Time(bench.What("add"), AddCost(size.num_elements(), type),
             [&] { Add(stream, args); });
  return absl::OkStatus();
}

absl::Status ColumnSumRates(const Bench& bench) {
  const auto& [shapes, type, timer] = bench;
  Stream& stream = bench.stream();
  const int64_t rows = shapes.rows, hidden = shapes.hidden;
  DeviceTensors tensors(stream);
  const ColumnSumArgs args = {.sum = tensors.Zeros(kFloat32, {hidden}),
                              .x = tensors.Normal(type, {rows, hidden})};
  COG_RETURN_IF_ERROR(tensors.status());
  timer.Time(bench.What("column sum"), ColumnSumCost(rows, hidden, type),
             [&] { ColumnSum(stream, args); });
  return absl::OkStatus();
}

}  // namespace

absl::Status BenchmarkElementwise(const KernelShapes& shapes, DType type,
                                  KernelTimer& timer) {
  const Bench bench = {shapes, type, timer};
  for (const auto part :
       {RotaryEmbeddingRates, SwiGluRates, GeluRates, EmbeddingRates, LossRates,
        OptimizerRates, AdditionRates, ColumnSumRates}) {
    COG_RETURN_IF_ERROR(part(bench));
  }
  return absl::OkStatus();
}

}  // namespace cogdist
