#include "launcher/convert/model_json.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "launcher/faults.h"
#include "models/cogformer_chunk.h"
#include "runtime/file.h"
#include "runtime/json.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

struct IntegerField {
  absl::string_view key;
  void (CogformerConfig::*set)(int64_t);
  int64_t (CogformerConfig::*get)() const;
};
constexpr IntegerField kLlamaFields[] = {
    {"vocab_size", &CogformerConfig::set_vocab_size,
     &CogformerConfig::vocab_size},
    {"num_hidden_layers", &CogformerConfig::set_num_layers,
     &CogformerConfig::num_layers},
    {"hidden_size", &CogformerConfig::set_hidden_size,
     &CogformerConfig::hidden_size},
    {"num_attention_heads", &CogformerConfig::set_num_heads,
     &CogformerConfig::num_heads},
    {"num_key_value_heads", &CogformerConfig::set_num_kv_heads,
     &CogformerConfig::num_kv_heads},
    {"head_dim", &CogformerConfig::set_head_dim, &CogformerConfig::head_dim},
    {"intermediate_size", &CogformerConfig::set_ffn_size,
     &CogformerConfig::ffn_size},
    {"max_position_embeddings", &CogformerConfig::set_max_seq_len,
     &CogformerConfig::max_seq_len},
};
constexpr IntegerField kAuthorsFields[] = {
    {"vocab_size", &CogformerConfig::set_vocab_size, nullptr},
    {"n_layers", &CogformerConfig::set_num_layers, nullptr},
    {"dim", &CogformerConfig::set_hidden_size, nullptr},
    {"n_heads", &CogformerConfig::set_num_heads, nullptr},
    {"head_dim", &CogformerConfig::set_head_dim, nullptr},
    {"max_seq_length", &CogformerConfig::set_max_seq_len, nullptr},
};

absl::Status ReadIntegers(const json& object, absl::string_view path,
                          absl::Span<const IntegerField> fields,
                          CogformerConfig& model) {
  for (const IntegerField& field : fields) {
    if (!object.contains(std::string(field.key))) continue;
    int64_t value = 0;
    COG_RETURN_IF_ERROR(ReadMember(object, field.key, path, value));
    (model.*field.set)(value);
  }
  return absl::OkStatus();
}

absl::Status ReadNumber(const json& object, absl::string_view key,
                        absl::string_view path, CogformerConfig& model,
                        void (CogformerConfig::*set)(double)) {
  if (!object.contains(std::string(key))) return absl::OkStatus();
  double value = 0;
  COG_RETURN_IF_ERROR(ReadMember(object, key, path, value));
  (model.*set)(value);
  return absl::OkStatus();
}

// What Transformers' Llama can be and ours is not.
absl::Status CheckPlain(const json& object, absl::string_view path) {
  Faults faults;
  const auto expect = [&](const json& in, const char* key, const json& needed) {
    const auto found = in.find(key);
    if (found == in.end() || *found == needed) return;
    faults.Add(path, "\"", key, "\" is ", found->dump(), ", only ",
               needed.dump(), " can be imported");
  };
  expect(object, "hidden_act", "silu");
  expect(object, "attention_bias", false);
  expect(object, "mlp_bias", false);
  expect(object, "partial_rotary_factor", 1.0);
  for (const char* const rope : {"rope_scaling", "rope_parameters"}) {
    const auto found = object.find(rope);
    if (found == object.end() || !found->is_object()) continue;
    expect(*found, "rope_type", "default");
    expect(*found, "type", "default");
    expect(*found, "partial_rotary_factor", 1.0);
  }
  if (object.contains("quantization_config")) {
    faults.Add(path,
               "the weights are quantized (\"quantization_config\"); "
               "convert them to float32 or bfloat16 first");
  }
  return faults.ToStatus();
}

// The first end-of-text token, where there are several.
absl::Status ReadEos(const json& object, absl::string_view path,
                     RunConfig& config) {
  auto found = object.find("eos_token_id");
  if (found == object.end()) return absl::OkStatus();
  json one = {{"eos_token_id", *found}};
  if (found->is_array() && !found->empty())
    one["eos_token_id"] = found->front();
  int64_t eos = 0;
  COG_RETURN_IF_ERROR(ReadMember(one, "eos_token_id", path, eos));
  // Models without such a token say -1 or null.
  if (eos >= 0) config.mutable_data()->set_eos_token_id(eos);
  return absl::OkStatus();
}

absl::Status ReadCogAttention(const json& object, absl::string_view path,
                              AttentionConfig& attention) {
  const auto cog = object.find("cog_attention");
  const json layers = cog != object.end() && cog->is_object()
                          ? cog->value("softmax_layers", json())
                          : json();
  bool integers = layers.is_array();
  for (const json& layer : layers) integers &= layer.is_number_integer();
  if (!integers) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     ": a Cogformer needs \"cog_attention\": "
                     "{\"softmax_layers\": [numbers of layers]}"));
  }
  attention.set_kind(AttentionConfig::COG);
  for (const json& layer : layers) {
    attention.add_softmax_layers(layer.get<int64_t>());
  }
  return absl::OkStatus();
}

absl::Status ReadLlama(const json& object, absl::string_view path,
                       bool cogformer, RunConfig& config) {
  COG_RETURN_IF_ERROR(CheckPlain(object, path));
  CogformerConfig& model = *config.mutable_model()->mutable_cogformer();
  COG_RETURN_IF_ERROR(ReadIntegers(object, path, kLlamaFields, model));
  COG_RETURN_IF_ERROR(ReadNumber(object, "rms_norm_eps", path, model,
                                 &CogformerConfig::set_norm_eps));
  COG_RETURN_IF_ERROR(ReadNumber(object, "initializer_range", path, model,
                                 &CogformerConfig::set_init_std));
  // Transformers 4 writes it on its own, Transformers 5 with its kin.
  const json rope = object.value("rope_parameters", json::object());
  for (const json* const holder : {&object, &rope}) {
    COG_RETURN_IF_ERROR(ReadNumber(*holder, "rope_theta", path, model,
                                   &CogformerConfig::set_rope_theta));
  }
  bool tied = false;
  COG_RETURN_IF_ERROR(ReadMember(object, "tie_word_embeddings", path, tied));
  model.set_tie_embeddings(tied);
  COG_RETURN_IF_ERROR(ReadEos(object, path, config));
  AttentionConfig& attention = *model.mutable_attention();
  if (cogformer) return ReadCogAttention(object, path, attention);
  attention.set_kind(AttentionConfig::SOFTMAX);
  return absl::OkStatus();
}

absl::Status ReadAuthors(const json& object, absl::string_view path,
                         CogformerConfig& model) {
  COG_RETURN_IF_ERROR(ReadIntegers(object, path, kAuthorsFields, model));
  COG_RETURN_IF_ERROR(ReadNumber(object, "norm_eps", path, model,
                                 &CogformerConfig::set_norm_eps));
  std::string attention;
  COG_RETURN_IF_ERROR(ReadMember(object, "attn_type", path, attention));
  if (attention == "vanilla") {
    model.mutable_attention()->set_kind(AttentionConfig::SOFTMAX);
  } else if (attention == "np") {  // "negative"
    model.mutable_attention()->set_kind(AttentionConfig::COG);
    model.mutable_attention()->add_softmax_layers(0);
    model.mutable_attention()->add_softmax_layers(-1);
  } else if (!attention.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": \"attn_type\" is \"", attention,
                     "\", only \"np\" and \"vanilla\" can be imported"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadModelJson(absl::string_view path, RunConfig& config) {
  COG_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  COG_ASSIGN_OR_RETURN(json object, ParseJsonObject(text, path));
  // What is null is as good as absent.
  for (auto member = object.begin(); member != object.end();) {
    member = member->is_null() ? object.erase(member) : std::next(member);
  }
  std::string type;
  COG_RETURN_IF_ERROR(ReadMember(object, "model_type", path, type));
  if (type == "llama" || type == "cogformer") {
    return ReadLlama(object, path, type == "cogformer", config);
  }
  if (type.empty() && object.contains("n_layers")) {
    return ReadAuthors(object, path,
                       *config.mutable_model()->mutable_cogformer());
  }
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": \"model_type\" is ", type.empty() ? "missing" : type,
      "; models of type llama and cogformer can be imported"));
}

std::string ModelJson(const RunConfig& config, DType dtype) {
  const CogformerConfig& model = config.model().cogformer();
  std::vector<int64_t> softmax_layers;
  for (int64_t layer = 0; layer < model.num_layers(); ++layer) {
    if (AttentionKindOfLayer(model, layer) == AttentionKind::kSoftmax) {
      softmax_layers.push_back(layer);
    }
  }
  const bool llama =
      static_cast<int64_t>(softmax_layers.size()) == model.num_layers();
  ordered_json object;
  object["architectures"] = {llama ? "LlamaForCausalLM"
                                   : "CogformerForCausalLM"};
  object["model_type"] = llama ? "llama" : "cogformer";
  if (!llama) object["cog_attention"]["softmax_layers"] = softmax_layers;
  for (const IntegerField& field : kLlamaFields) {
    object[std::string(field.key)] = (model.*field.get)();
  }
  object["rms_norm_eps"] = model.norm_eps();
  object["rope_theta"] = model.rope_theta();
  object["rope_parameters"] = {{"rope_theta", model.rope_theta()},
                               {"rope_type", "default"}};
  object["rope_scaling"] = nullptr;
  object["hidden_act"] = "silu";
  object["attention_bias"] = false;
  object["attention_dropout"] = 0.0;
  object["mlp_bias"] = false;
  object["pretraining_tp"] = 1;
  object["tie_word_embeddings"] = model.tie_embeddings();
  object["initializer_range"] = model.init_std();
  object["use_cache"] = true;
  // Without them Transformers assumes those of its first Llama.
  object["bos_token_id"] = nullptr;
  object["eos_token_id"] = nullptr;
  if (config.data().has_eos_token_id()) {
    object["eos_token_id"] = config.data().eos_token_id();
  }
  object["torch_dtype"] = dtype == DType::kBFloat16 ? "bfloat16" : "float32";
  return object.dump(2) + "\n";
}

}  // namespace cogdist
