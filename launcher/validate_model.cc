#include <string>

#include "launcher/validate_rules.h"

namespace cogdist {
namespace {

constexpr int64_t kMaxHeadDim = 256;

void CheckHeads(const CogformerConfig& model, Faults& faults) {
  const int64_t heads = model.num_heads();
  const int64_t hidden = model.hidden_size();
  if (!model.has_head_dim() && heads > 0 && hidden > 0) {
    const std::string nearest =
        NearestDivisors(heads, hidden, [&](int64_t divisor) {
          const int64_t head_dim = hidden / divisor;
          return head_dim % 2 == 0 && head_dim <= kMaxHeadDim;
        });
    faults.Add("model.cogformer.num_heads", heads,
               " heads do not divide hidden_size ", hidden, "; use ", nearest,
               nearest.empty() ? "" : ", or ", "set head_dim");
  }
  const int64_t head_dim = model.head_dim();
  if (model.has_head_dim() && head_dim > 0 && head_dim % 2 != 0) {
    faults.Add("model.cogformer.head_dim", head_dim,
               " is odd, but rotary positions turn pairs; use ",
               NearestMultiples(head_dim, 2));
  }
  const int64_t kv_heads = model.num_kv_heads();
  if (heads > 0 && kv_heads > 0 && heads % kv_heads != 0) {
    faults.Add("model.cogformer.num_kv_heads", kv_heads,
               " does not divide num_heads ", heads, "; use ",
               NearestDivisors(kv_heads, heads));
  }
}

void CheckSoftmaxLayers(const CogformerConfig& model, Faults& faults) {
  const int64_t layers = model.num_layers();
  if (layers < 1) return;
  for (int i = 0; i < model.attention().softmax_layers_size(); ++i) {
    const int64_t layer = model.attention().softmax_layers(i);
    if (layer >= -layers && layer < layers) continue;
    faults.Add(absl::StrCat("model.cogformer.attention.softmax_layers.", i),
               "there is no layer ", layer, " among num_layers ", layers,
               "; use ", layer < 0 ? -layers : layers - 1, " (", -layers,
               " to ", layers - 1, ")");
  }
}

}  // namespace

void CheckModel(const RunConfig& config, Faults& faults) {
  if (!config.model().has_cogformer()) {
    faults.Add("model", "is missing; set model { cogformer { ... } }");
    return;
  }
  CheckHeads(config.model().cogformer(), faults);
  CheckSoftmaxLayers(config.model().cogformer(), faults);
}

}  // namespace cogdist
