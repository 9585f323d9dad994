// The work and the memory traffic of the kernels, from their shapes alone: what
// `cogdist bench` divides by a time, and what a model of a GPU (roofline.h)
// turns into one. Attention is in attention_cost.h.

#ifndef COGDIST_LAUNCHER_ROOFLINE_KERNEL_COST_H_
#define COGDIST_LAUNCHER_ROOFLINE_KERNEL_COST_H_

#include <cstdint>

#include "runtime/dtype.h"

namespace cogdist {

// What multiplies matrices in a kernel.
enum class ProductPath {
  kNone,            // nothing does
  kLibrary,         // cuBLASLt, bfloat16
  kLibraryFloat32,  // cuBLASLt in full float32: not on tensor cores
  kMmaSync,         // a warp's mma.sync
  kWgmma,           // a warp group's wgmma, Hopper's own
};

// Of one call. The first two are what people count, and do not depend on how
// the kernel goes about it; the rest is for roofline.h.
struct KernelCost {
  double flops = 0;  // masked and repeated work not counted
  double bytes = 0;  // every tensor is read or written once

  ProductPath path = ProductPath::kNone;
  double product_flops = 0;  // of the path: masked and repeated work, too
  double product_tiles = 0;  // of 128 x 128 results; 0: no matter
  double exponentials = 0;
  // Of a thread, beside those of the products; 0: they are too few to matter.
  double instructions = 0;
  // Fitted to published rates (attention_cost.cc): further places in the
  // instruction stream that are lost, and time to start and end over the rest.
  double lost_slots = 0;
  double startup = 0;
};

// c [m, n] = op(a) op(b), both of `type`.
struct MatMulShape {
  int64_t m = 0, n = 0, k = 0;
  DType type = DType::kBFloat16;
  DType result = DType::kBFloat16;
  bool accumulate = false;  // c is read, too
};
KernelCost MatMulCost(const MatMulShape& shape);

// Activations and, in norms and activation functions, parameters have `type`;
// what has a fixed type is counted with that. Norms are those of a block, with
// the residual.
KernelCost RmsNormForwardCost(int64_t rows, int64_t hidden, DType type);
KernelCost RmsNormBackwardCost(int64_t rows, int64_t hidden, DType type);
KernelCost LayerNormForwardCost(int64_t rows, int64_t hidden, DType type);
KernelCost LayerNormBackwardCost(int64_t rows, int64_t hidden, DType type);
KernelCost SwiGluForwardCost(int64_t rows, int64_t ffn, DType type);
KernelCost SwiGluBackwardCost(int64_t rows, int64_t ffn, DType type);
// With the bias and its gradient.
KernelCost GeluForwardCost(int64_t rows, int64_t ffn, DType type);
KernelCost GeluBackwardCost(int64_t rows, int64_t ffn, DType type);
// `hidden` is heads * head_dim; the table of `seq` positions is read once.
KernelCost RopeCost(int64_t rows, int64_t hidden, int64_t seq, int64_t head_dim,
                    DType type);
KernelCost EmbeddingForwardCost(int64_t rows, int64_t hidden, DType type);
// All rows of `vocab` that ids can hit are touched.
KernelCost EmbeddingBackwardCost(int64_t rows, int64_t hidden, int64_t vocab,
                                 DType type);
// float32 logits, gradients in `type`.
KernelCost CrossEntropyCost(int64_t rows, int64_t vocab, DType type);
KernelCost AdamWCost(int64_t elements, bool bfloat16_weight);
KernelCost CastCost(int64_t elements, DType from, DType to);
KernelCost AddCost(int64_t elements, DType type);
KernelCost ColumnSumCost(int64_t rows, int64_t columns, DType type);
// Of squares in chunks, for the gradients' norm.
KernelCost ChunkSumsCost(int64_t elements);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_ROOFLINE_KERNEL_COST_H_
