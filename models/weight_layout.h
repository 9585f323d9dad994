// Weights as other programs store them: under which names, and in which order
// of elements.
//
//   kLlama    Hugging Face Transformers' names for Llama, which are ours;
//             matrices [out, in], rotary pairs (i, i + D/2) of each head
//   kAuthors  the published code of Cogformer's authors: matrices [in, out],
//             rotary pairs (2i, 2i + 1); of the feed-forward layer `pw` goes
//             through silu, so it is our gate_proj, and `gw` is up_proj
//
// Rotary positions turn every pair by an angle that follows from its number, so
// the two orders of pairs are the same model under a permutation of each head's
// rows in q_proj and k_proj, which scores do not see.

#ifndef COGDIST_MODELS_WEIGHT_LAYOUT_H_
#define COGDIST_MODELS_WEIGHT_LAYOUT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "runtime/shape.h"

namespace cogdist {

enum class WeightLayout { kLlama, kAuthors };

// Where one of our parameters comes from.
struct WeightSource {
  std::string name;
  bool transposed = false;   // [in, out]
  bool interleaved = false;  // heads' rows are in the order of rotary pairs
};

// Of the parameter that we call `name`.
WeightSource SourceOf(WeightLayout layout, absl::string_view name);

// What `shape`, a parameter's, is as stored.
Shape StoredShape(const WeightSource& source, const Shape& shape);

// The number of the layer that a stored tensor belongs to.
absl::optional<int64_t> LayerOf(WeightLayout layout,
                                absl::string_view stored_name);

// Whether a stored tensor is a table that follows from the configuration, such
// as rotary angles, and no parameter.
bool IsConstantTable(WeightLayout layout, absl::string_view stored_name);

struct RearrangeArgs {
  absl::Span<float> out;           // [rows, cols], ours
  absl::Span<const float> stored;  // as many, in the source's order
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t head_dim = 0;
};
// Brings a matrix into our order.
void Rearrange(const WeightSource& source, const RearrangeArgs& args);

// Of a head's rows in the order of rotary pairs, the one that is our row `row`.
inline int64_t InterleavedRow(int64_t row, int64_t head_dim) {
  const int64_t half = head_dim / 2;
  const int64_t in_head = row % head_dim;
  return row - in_head + 2 * (in_head % half) + in_head / half;
}

}  // namespace cogdist

#endif  // COGDIST_MODELS_WEIGHT_LAYOUT_H_
