// The shapes of a training step's kernels in a Cogformer: what the benchmarks
// measure and the rooflines predict.

#ifndef COGDIST_LAUNCHER_ROOFLINE_KERNEL_SHAPES_H_
#define COGDIST_LAUNCHER_ROOFLINE_KERNEL_SHAPES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "launcher/roofline/kernel_cost.h"
#include "runtime/dtype.h"

namespace cogdist {

struct KernelShapes {
  int64_t tokens = 0;  // of products and attention, which cuts sequences off
  int64_t rows = 0;    // of element-wise kernels: more than caches hold
  int64_t hidden = 0;  // heads of any size add up to it
  int64_t ffn = 0;
  int64_t vocab = 0;
  int64_t parameters = 0;     // that a rank updates at a time
  std::vector<int64_t> seqs;  // of attention
  std::vector<int64_t> head_dims = {64, 128};
};

// configs/cogformer_1b.pbtxt, 16,384 tokens: for GPUs.
KernelShapes ShapesOf1B();
// configs/bench_h512.pbtxt: for hosts.
KernelShapes ShapesOfH512();

// A product of a linear layer y = x w^T with w [out, in].
struct LayerProduct {
  std::string name;  // e.g. "gate_up, input gradient"
  MatMulShape shape;
  bool transpose_a = false, transpose_b = false;
};

// Forward pass, gradient of the input and, in float32 and added to what is
// there, that of the weight, of a block's layers and of the output layer, whose
// results, the logits, are float32.
std::vector<LayerProduct> LayerProducts(const KernelShapes& shapes, DType type);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_ROOFLINE_KERNEL_SHAPES_H_
