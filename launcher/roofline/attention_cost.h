// The work of fused attention (kernels/cog_attention.h), for a kernel of a
// given design. What the designs lose beside their instructions is fitted to
// rates that others have published of theirs; docs/performance.md has the
// errors.

#ifndef COGDIST_LAUNCHER_ROOFLINE_ATTENTION_COST_H_
#define COGDIST_LAUNCHER_ROOFLINE_ATTENTION_COST_H_

#include <cstdint>

#include "launcher/roofline/gpu_specs.h"
#include "launcher/roofline/kernel_cost.h"

namespace cogdist {

// Self-attention in bfloat16.
struct AttentionShape {
  int64_t batch = 1;
  int64_t heads = 1, kv_heads = 1;
  int64_t seq = 0;
  int64_t head_dim = 0;
  bool causal = true;
};

// Of one score, beside the products: by thread, loads, stores and addresses
// left out.
struct ScoreInstructions {
  double forward = 0;
  double backward = 0;  // of one pass over the scores
};

// Counted in what nvcc 13 makes of the element-wise passes, 64 scores a thread.
// Softmax takes 4.5 and 5: maximum, FFMA, exponential, sum and half a
// conversion. Cog has the sign and an exact sign(0) = 0 beside them; sm_90 has
// one instruction for both, a minimum of magnitudes that takes its sign from
// both (min.xorsign.abs), sm_80 copies the sign by another one.
inline constexpr ScoreInstructions kCogInstructionsSm80 = {6.5, 7.0};
inline constexpr ScoreInstructions kCogInstructionsSm90 = {5.5, 6.0};

ScoreInstructions CogInstructions(GpuArchitecture architecture);

struct AttentionDesign {
  ProductPath path;
  int64_t forward_rows, backward_rows;  // that a block owns
  int backward_products = 5;            // of all scores with head_dim
  int backward_passes = 1;              // over all scores
  // Fitted. Lost instruction slots a score and pass; a block's start and end,
  // in tiles of 128 keys.
  double forward_lost = 0, backward_lost = 0;
  double forward_start = 0, backward_start = 0;
};

// What is built here after FlashAttention-2 (Dao, 2023), whose losses are those
// that were fitted: the backward pass computes the scores twice, for dq and for
// dk and dv, so seven products, and blocks own 64 rows in it instead of 128.
inline constexpr AttentionDesign kCogMmaSync = {.path = ProductPath::kMmaSync,
                                                .forward_rows = 128,
                                                .backward_rows = 64,
                                                .backward_products = 7,
                                                .backward_passes = 2,
                                                .backward_lost = 9.4,
                                                .forward_start = 0.5,
                                                .backward_start = 1.9};
// FlashAttention-3 (Shah et al., 2024), forward. There is no such kernel here
// yet.
inline constexpr AttentionDesign kFlashAttention3 = {
    .path = ProductPath::kWgmma,
    .forward_rows = 128,
    .backward_rows = 128,
    .forward_lost = 3.3,
    .forward_start = 2.0};

KernelCost AttentionForwardCost(const AttentionShape& shape,
                                const AttentionDesign& design,
                                const ScoreInstructions& instructions);
// REQUIRES: a design whose backward pass was fitted, one of mma.sync.
KernelCost AttentionBackwardCost(const AttentionShape& shape,
                                 const AttentionDesign& design,
                                 const ScoreInstructions& instructions);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_ROOFLINE_ATTENTION_COST_H_
