#include "launcher/roofline/kernel_cost.h"

#include <algorithm>

#include "kernels/reduce.h"

namespace cogdist {
namespace {

constexpr int64_t kTile = 128;

int64_t Tiles(int64_t length) { return (length + kTile - 1) / kTile; }

// Phi(x) in GELU: the square in exp(-x^2 / 2), u = 1 / (1 + 0.3 |x|), a
// polynomial of degree 9, its product with u and the exponential, and that
// taken from 1 (kernels/cuda/gelu.cu).
constexpr double kNormalFlops = 2 + 3 + 18 + 2 + 1;

// Of each element: bytes moved, arithmetic, exponentials and, where they were
// counted, instructions.
struct PerElement {
  double bytes = 0;
  double flops = 0;
  double exponentials = 0;
  double instructions = 0;
};

KernelCost Elementwise(double elements, const PerElement& each) {
  return {.flops = elements * each.flops,
          .bytes = elements * each.bytes,
          .exponentials = elements * each.exponentials,
          .instructions = elements * each.instructions};
}

KernelCost WithBytes(KernelCost cost, double bytes) {
  cost.bytes += bytes;
  return cost;
}

}  // namespace

KernelCost MatMulCost(const MatMulShape& shape) {
  const double m = shape.m, n = shape.n, k = shape.k;
  const double flops = 2 * m * n * k;
  const int passes = shape.accumulate ? 2 : 1;
  return {
      .flops = flops,
      .bytes = (m * k + k * n) * SizeOf(shape.type) +
               m * n * SizeOf(shape.result) * passes,
      .path = shape.type == DType::kFloat32 ? ProductPath::kLibraryFloat32
                                            : ProductPath::kLibrary,
      .product_flops = flops,
      .product_tiles = static_cast<double>(Tiles(shape.m) * Tiles(shape.n))};
}

// x, residual -> sum, y; s * s summed, s * rstd * gain.
KernelCost RmsNormForwardCost(int64_t rows, int64_t hidden, DType type) {
  const double elements = static_cast<double>(rows) * hidden;
  return WithBytes(
      Elementwise(elements, {.bytes = 4.0 * SizeOf(type), .flops = 5}),
      4.0 * rows + 1.0 * hidden * SizeOf(type));
}

// dy, x, residual_gradient -> dx; two sums, dgain.
KernelCost RmsNormBackwardCost(int64_t rows, int64_t hidden, DType type) {
  const double elements = static_cast<double>(rows) * hidden;
  return WithBytes(
      Elementwise(elements, {.bytes = 4.0 * SizeOf(type), .flops = 11}),
      4.0 * rows + 1.0 * hidden * (SizeOf(type) + 2 * 4));
}

// x, residual -> sum, y; two sums, (s - mean) * rstd * gain + bias.
KernelCost LayerNormForwardCost(int64_t rows, int64_t hidden, DType type) {
  const double elements = static_cast<double>(rows) * hidden;
  return WithBytes(
      Elementwise(elements, {.bytes = 4.0 * SizeOf(type), .flops = 8}),
      8.0 * rows + 2.0 * hidden * SizeOf(type));
}

// dy, x, residual_gradient -> dx; two sums, dgain, dbias.
KernelCost LayerNormBackwardCost(int64_t rows, int64_t hidden, DType type) {
  const double elements = static_cast<double>(rows) * hidden;
  return WithBytes(
      Elementwise(elements, {.bytes = 4.0 * SizeOf(type), .flops = 14}),
      8.0 * rows + 1.0 * hidden * (SizeOf(type) + 2 * 2 * 4));
}

// gate, up -> y.
KernelCost SwiGluForwardCost(int64_t rows, int64_t ffn, DType type) {
  return Elementwise(
      static_cast<double>(rows) * ffn,
      {.bytes = 3.0 * SizeOf(type), .flops = 4, .exponentials = 1});
}

// dy, gate, up -> both gradients.
KernelCost SwiGluBackwardCost(int64_t rows, int64_t ffn, DType type) {
  return Elementwise(
      static_cast<double>(rows) * ffn,
      {.bytes = 5.0 * SizeOf(type), .flops = 10, .exponentials = 1});
}

// x -> y: the bias added, x Phi(x). GELU's instructions are those of the loops
// for bfloat16 in machine code for sm_90a; a reciprocal is taken where
// exponentials are.
KernelCost GeluForwardCost(int64_t rows, int64_t ffn, DType type) {
  return WithBytes(Elementwise(static_cast<double>(rows) * ffn,
                               {.bytes = 2.0 * SizeOf(type),
                                .flops = 1 + kNormalFlops + 1,
                                .exponentials = 2,
                                .instructions = 24.5}),
                   1.0 * ffn * SizeOf(type));
}

// dy, x -> dx: the bias added, dy (Phi(x) + x Phi'(x)), dbias.
KernelCost GeluBackwardCost(int64_t rows, int64_t ffn, DType type) {
  return WithBytes(Elementwise(static_cast<double>(rows) * ffn,
                               {.bytes = 3.0 * SizeOf(type),
                                .flops = 1 + kNormalFlops + 5,
                                .exponentials = 2,
                                .instructions = 29.4}),
                   1.0 * ffn * (SizeOf(type) + 2 * 4));
}

KernelCost RopeCost(int64_t rows, int64_t hidden, int64_t seq, int64_t head_dim,
                    DType type) {
  const double elements = static_cast<double>(rows) * hidden;
  return WithBytes(
      Elementwise(elements, {.bytes = 2.0 * SizeOf(type), .flops = 3}),
      4.0 * seq * head_dim);
}

KernelCost EmbeddingForwardCost(int64_t rows, int64_t hidden, DType type) {
  const double elements = static_cast<double>(rows) * hidden;
  return WithBytes(Elementwise(elements, {.bytes = 2.0 * SizeOf(type)}),
                   4.0 * rows);
}

KernelCost EmbeddingBackwardCost(int64_t rows, int64_t hidden, int64_t vocab,
                                 DType type) {
  const double elements = static_cast<double>(rows) * hidden;
  const double touched = static_cast<double>(std::min(rows, vocab)) * hidden;
  return WithBytes(
      Elementwise(elements, {.bytes = 1.0 * SizeOf(type), .flops = 1}),
      4.0 * rows + 2 * 4 * touched);
}

// The logits are read twice, for the sum and for the gradient, once of which
// counts: a row fits into a cache.
KernelCost CrossEntropyCost(int64_t rows, int64_t vocab, DType type) {
  return WithBytes(
      Elementwise(static_cast<double>(rows) * vocab,
                  {.bytes = 4.0 + SizeOf(type), .flops = 5, .exponentials = 2}),
      8.0 * rows);
}

KernelCost AdamWCost(int64_t elements, bool bfloat16_weight) {
  const double weight = bfloat16_weight ? 2 : 0;
  return Elementwise(elements, {.bytes = 3 * 8 + 4 + weight, .flops = 14});
}

KernelCost CastCost(int64_t elements, DType from, DType to) {
  return Elementwise(elements, {.bytes = 1.0 * (SizeOf(from) + SizeOf(to))});
}

KernelCost AddCost(int64_t elements, DType type) {
  return Elementwise(elements, {.bytes = 3.0 * SizeOf(type), .flops = 1});
}

KernelCost ColumnSumCost(int64_t rows, int64_t columns, DType type) {
  const double elements = static_cast<double>(rows) * columns;
  return WithBytes(
      Elementwise(elements, {.bytes = 1.0 * SizeOf(type), .flops = 1}),
      2.0 * 4 * columns);
}

KernelCost ChunkSumsCost(int64_t elements) {
  return WithBytes(Elementwise(elements, {.bytes = 4, .flops = 2}),
                   8.0 * NumReduceChunks(elements));
}

}  // namespace cogdist
