#include "models/weight_layout.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/check.h"

namespace cogdist {
namespace {

struct Rename {
  absl::string_view ours;
  absl::string_view theirs;
  bool transposed = false;
  bool interleaved = false;
};

// Of the authors; within a layer behind its prefix.
constexpr absl::string_view kOurLayers = "model.layers.";
constexpr absl::string_view kTheirLayers = "layers.";
constexpr Rename kRenames[] = {
    {"model.embed_tokens.weight", "embedding.weight"},
    {"input_layernorm.weight", "attention_norm.weight"},
    {"self_attn.q_proj.weight", "attention.qw", true, true},
    {"self_attn.k_proj.weight", "attention.kw", true, true},
    {"self_attn.v_proj.weight", "attention.vw", true},
    {"self_attn.o_proj.weight", "attention.ow", true},
    {"post_attention_layernorm.weight", "ffn_norm.weight"},
    {"mlp.gate_proj.weight", "ffn.shared_experts.0.pw", true},
    {"mlp.up_proj.weight", "ffn.shared_experts.0.gw", true},
    {"mlp.down_proj.weight", "ffn.shared_experts.0.ow", true},
    {"model.norm.weight", "norm.weight"},
    {"lm_head.weight", "output.weight"},
};

// "LAYER." in front of what a layer calls its tensors; empty for others.
absl::string_view ConsumeLayer(absl::string_view layers,
                               absl::string_view& name) {
  absl::string_view rest = name;
  if (!absl::ConsumePrefix(&rest, layers)) return "";
  const size_t dot = rest.find('.');
  if (dot == absl::string_view::npos) return "";
  name = rest.substr(dot + 1);
  return rest.substr(0, dot + 1);
}

}  // namespace

WeightSource SourceOf(WeightLayout layout, absl::string_view name) {
  if (layout == WeightLayout::kLlama) return {.name = std::string(name)};
  absl::string_view inside = name;
  const absl::string_view layer = ConsumeLayer(kOurLayers, inside);
  const auto* const found =
      std::find_if(std::begin(kRenames), std::end(kRenames),
                   [&](const Rename& rename) { return rename.ours == inside; });
  COG_CHECK(found != std::end(kRenames), "no parameter: ", name);
  return {.name = absl::StrCat(layer.empty() ? "" : kTheirLayers, layer,
                               found->theirs),
          .transposed = found->transposed,
          .interleaved = found->interleaved};
}

Shape StoredShape(const WeightSource& source, const Shape& shape) {
  return source.transposed ? Shape{shape.dim(1), shape.dim(0)} : shape;
}

absl::optional<int64_t> LayerOf(WeightLayout layout,
                                absl::string_view stored_name) {
  const absl::string_view layers =
      layout == WeightLayout::kLlama ? kOurLayers : kTheirLayers;
  absl::string_view layer = ConsumeLayer(layers, stored_name);
  int64_t number = 0;
  absl::ConsumeSuffix(&layer, ".");
  if (!absl::SimpleAtoi(layer, &number) || number < 0) return absl::nullopt;
  return number;
}

bool IsConstantTable(WeightLayout layout, absl::string_view stored_name) {
  if (layout == WeightLayout::kLlama) {
    return absl::EndsWith(stored_name, ".rotary_emb.inv_freq");
  }
  return stored_name == "freqs_cis" || stored_name == "shortcut_bar";
}

void Rearrange(const WeightSource& source, const RearrangeArgs& args) {
  const int64_t row_stride = source.transposed ? 1 : args.cols;
  const int64_t col_stride = source.transposed ? args.rows : 1;
  // Tiles, because one of the two sides is walked across its rows.
  constexpr int64_t kTile = 64;
  for (int64_t first = 0; first < args.cols; first += kTile) {
    const int64_t end = std::min(first + kTile, args.cols);
    for (int64_t row = 0; row < args.rows; ++row) {
      const int64_t from =
          source.interleaved ? InterleavedRow(row, args.head_dim) : row;
      for (int64_t col = first; col < end; ++col) {
        args.out[row * args.cols + col] =
            args.stored[from * row_stride + col * col_stride];
      }
    }
  }
}

}  // namespace cogdist
