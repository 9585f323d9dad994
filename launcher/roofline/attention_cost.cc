#include "launcher/roofline/attention_cost.h"

#include "runtime/check.h"

namespace cogdist {
namespace {

constexpr double kKeysOfATile = 128;

// Of one head: scores that count, and that blocks of `rows` queries compute,
// since they do not stop in the middle of a tile on the diagonal.
struct Scores {
  double counted = 0;
  double computed = 0;
};

Scores ScoresOfAHead(const AttentionShape& shape, int64_t rows) {
  const double seq = shape.seq;
  if (!shape.causal) return {.counted = seq * seq, .computed = seq * seq};
  const int64_t blocks = (shape.seq + rows - 1) / rows;
  return {.counted = seq * seq / 2,
          .computed = 0.5 * rows * rows * blocks * (blocks + 1)};
}

// What both passes have in common.
struct PassWork {
  int64_t rows = 0;
  int counted_products = 0, products = 0;
  int passes = 1;
  double instructions = 0, lost = 0, start = 0;
};

KernelCost PassCost(const AttentionShape& shape, ProductPath path,
                    const PassWork& work) {
  const Scores scores = ScoresOfAHead(shape, work.rows);
  const double heads = static_cast<double>(shape.batch) * shape.heads;
  const double computed = heads * scores.computed;
  const double flops_of_a_score = 2.0 * shape.head_dim;
  return {.flops =
              heads * scores.counted * work.counted_products * flops_of_a_score,
          .path = path,
          .product_flops = computed * work.products * flops_of_a_score,
          .exponentials = computed * work.passes,
          .instructions = computed * work.passes * work.instructions,
          .lost_slots = computed * work.passes * work.lost,
          .startup = work.start * kKeysOfATile * shape.seq / scores.computed};
}

// Of a tensor like q, one like k, and the float32 number of each query.
struct TensorBytes {
  double q = 0, k = 0, row = 0;
};

TensorBytes BytesOf(const AttentionShape& shape) {
  const double tokens = static_cast<double>(shape.batch) * shape.seq;
  const double bytes = tokens * shape.head_dim * SizeOf(DType::kBFloat16);
  return {.q = bytes * shape.heads,
          .k = bytes * shape.kv_heads,
          .row = 4 * tokens * shape.heads};
}

}  // namespace

ScoreInstructions CogInstructions(GpuArchitecture architecture) {
  return architecture == GpuArchitecture::kSm80 ? kCogInstructionsSm80
                                                : kCogInstructionsSm90;
}

// q, k, v -> o, lse.
KernelCost AttentionForwardCost(const AttentionShape& shape,
                                const AttentionDesign& design,
                                const ScoreInstructions& instructions) {
  KernelCost cost = PassCost(shape, design.path,
                             {.rows = design.forward_rows,
                              .counted_products = 2,
                              .products = 2,
                              .instructions = instructions.forward,
                              .lost = design.forward_lost,
                              .start = design.forward_start});
  const TensorBytes bytes = BytesOf(shape);
  cost.bytes = 2 * bytes.q + 2 * bytes.k + bytes.row;
  return cost;
}

// q, k, v, o, do, lse -> dq, dk, dv, with do . o of each query on the way.
KernelCost AttentionBackwardCost(const AttentionShape& shape,
                                 const AttentionDesign& design,
                                 const ScoreInstructions& instructions) {
  COG_CHECK(design.path == ProductPath::kMmaSync);
  KernelCost cost = PassCost(shape, design.path,
                             {.rows = design.backward_rows,
                              .counted_products = 5,
                              .products = design.backward_products,
                              .passes = design.backward_passes,
                              .instructions = instructions.backward,
                              .lost = design.backward_lost,
                              .start = design.backward_start});
  const TensorBytes bytes = BytesOf(shape);
  cost.bytes = 4 * bytes.q + 4 * bytes.k + 3 * bytes.row;
  return cost;
}

}  // namespace cogdist
