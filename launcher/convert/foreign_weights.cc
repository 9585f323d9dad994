#include "launcher/convert/foreign_weights.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "launcher/convert/tensor_check.h"
#include "launcher/faults.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

constexpr absl::string_view kEmbedding = "model.embed_tokens.weight";

// Sets a field that is open to a size that a shape has told; 0: it has not.
void SetIfOpen(CogformerConfig& model, bool is_set,
               void (CogformerConfig::*set)(int64_t), int64_t size) {
  if (!is_set && size > 0) (model.*set)(size);
}

}  // namespace

absl::StatusOr<ForeignWeights> ForeignWeights::Open(absl::string_view path) {
  COG_ASSIGN_OR_RETURN(SafetensorsReader reader, SafetensorsReader::Open(path));
  for (const WeightLayout layout :
       {WeightLayout::kLlama, WeightLayout::kAuthors}) {
    if (reader.Find(SourceOf(layout, kEmbedding).name) != nullptr) {
      return ForeignWeights(path, std::move(reader), layout);
    }
  }
  const absl::Span<const StoredTensor> tensors = reader.tensors();
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": holds neither ", kEmbedding, ", as Llama in Transformers, nor ",
      SourceOf(WeightLayout::kAuthors, kEmbedding).name,
      ", as the published Cogformer, but ", tensors.size(), " other tensors",
      tensors.empty() ? "" : absl::StrCat(", e.g. ", tensors[0].name)));
}

Shape ForeignWeights::MatrixShape(absl::string_view name) const {
  const WeightSource source = SourceOf(layout_, name);
  const StoredTensor* const stored = reader_.Find(source.name);
  if (stored == nullptr || stored->shape.rank() != 2) return {0, 0};
  return StoredShape(source, stored->shape);
}

void ForeignWeights::Describe(CogformerConfig& model) const {
  using Config = CogformerConfig;
  int64_t layers = 0;
  for (const StoredTensor& tensor : reader_.tensors()) {
    layers = std::max(layers, LayerOf(layout_, tensor.name).value_or(-1) + 1);
  }
  const Shape table = MatrixShape(kEmbedding);
  const std::string layer = "model.layers.0.";
  const int64_t ffn = MatrixShape(layer + "mlp.gate_proj.weight").dim(0);
  const int64_t q = MatrixShape(layer + "self_attn.q_proj.weight").dim(0);
  const int64_t k = MatrixShape(layer + "self_attn.k_proj.weight").dim(0);
  SetIfOpen(model, model.has_vocab_size(), &Config::set_vocab_size,
            table.dim(0));
  SetIfOpen(model, model.has_hidden_size(), &Config::set_hidden_size,
            table.dim(1));
  SetIfOpen(model, model.has_num_layers(), &Config::set_num_layers, layers);
  SetIfOpen(model, model.has_ffn_size(), &Config::set_ffn_size, ffn);
  if (!model.has_tie_embeddings()) {
    model.set_tie_embeddings(
        reader_.Find(SourceOf(layout_, "lm_head.weight").name) == nullptr);
  }
  // Of `width` rows in parts of `part` rows: how many; 0 if that is not even.
  const auto parts = [](int64_t width, int64_t part) {
    return part > 0 && width % part == 0 ? width / part : 0;
  };
  SetIfOpen(model, model.has_num_heads(), &Config::set_num_heads,
            parts(q, model.head_dim()));
  SetIfOpen(model, model.has_head_dim(), &Config::set_head_dim,
            parts(q, model.num_heads()));
  SetIfOpen(model, model.has_num_kv_heads(), &Config::set_num_kv_heads,
            parts(k, model.head_dim()));
}

absl::Status ForeignWeights::Check(
    absl::Span<const NamedTensor> parameters) const {
  Faults faults;
  TensorShapes wanted;
  for (const NamedTensor& parameter : parameters) {
    const WeightSource source = SourceOf(layout_, parameter.name);
    wanted[source.name] = StoredShape(source, parameter.shape);
  }
  TensorShapes stored;
  for (const StoredTensor& tensor : reader_.tensors()) {
    if (IsConstantTable(layout_, tensor.name)) continue;
    stored[tensor.name] = tensor.shape;
    if (wanted.contains(tensor.name) && !ReadFloats(tensor, 0, {}).ok()) {
      faults.Add(tensor.path, "tensor ", tensor.name, " has dtype ",
                 tensor.dtype, " where F32, BF16, F16 or F64 is needed");
    }
  }
  CheckTensors(path_, stored, wanted, faults);
  return faults.ToStatus();
}

absl::Status ForeignWeights::Read(const NamedTensor& parameter,
                                  int64_t head_dim,
                                  absl::Span<float> out) const {
  const WeightSource source = SourceOf(layout_, parameter.name);
  const StoredTensor& stored = *reader_.Find(source.name);
  const bool as_stored = !source.transposed && !source.interleaved;
  std::vector<float> values(as_stored ? 0 : out.size());
  COG_RETURN_IF_ERROR(
      ReadFloats(stored, 0, as_stored ? out : absl::MakeSpan(values)));
  reader_.Release(stored);  // each is read once
  if (as_stored) return absl::OkStatus();
  Rearrange(source, {.out = out,
                     .stored = values,
                     .rows = parameter.shape.dim(0),
                     .cols = parameter.shape.dim(1),
                     .head_dim = head_dim});
  return absl::OkStatus();
}

}  // namespace cogdist
