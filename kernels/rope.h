// Rotary position embedding on half-split pairs (i, i + head_dim / 2), the
// layout of Llama weights (Su et al., RoFormer, 2021).

#ifndef COGDIST_KERNELS_ROPE_H_
#define COGDIST_KERNELS_ROPE_H_

#include <vector>

#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// Cosines and sines of pos * theta^(-2i/head_dim) for every position and pair:
// computed in float64, rounded once. [2, max_positions, head_dim / 2], cosines
// first.
std::vector<float> RopeTable(int64_t max_positions, int64_t head_dim,
                             double theta);

// Rotates x in place: token t of a sequence by the angles of position
// first_position + t. `inverse` rotates back, which is the backward pass.
struct RopeArgs {
  TensorView x;      // [batch, seq, heads, head_dim]; the last is contiguous
  TensorView table;  // [2, max_positions, head_dim / 2] float32
  int64_t first_position = 0;
  bool inverse = false;
};
void Rope(Stream& stream, const RopeArgs& args);

}  // namespace cogdist

#endif  // COGDIST_KERNELS_ROPE_H_
