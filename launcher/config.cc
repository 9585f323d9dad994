#include "launcher/config.h"

#include <cstdint>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "launcher/config_override.h"
#include "launcher/text_config.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

namespace pb = ::google::protobuf;

// Reading a singular field that is not set gives its default.
void SetToDefault(pb::Message& message, const pb::FieldDescriptor* field) {
  const pb::Reflection& r = *message.GetReflection();
  switch (field->cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return r.SetInt64(&message, field, r.GetInt64(message, field));
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return r.SetUInt64(&message, field, r.GetUInt64(message, field));
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return r.SetDouble(&message, field, r.GetDouble(message, field));
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return r.SetBool(&message, field, r.GetBool(message, field));
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return r.SetEnum(&message, field, r.GetEnum(message, field));
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return r.SetString(&message, field, r.GetString(message, field));
    default:
      COG_CHECK(false, "a default of unknown type: ", field->full_name());
  }
}

// Sets every field that has a default in the schema, in every message that is
// there or could be; alternatives (oneof) are not chosen here.
void MakeDefaultsExplicit(pb::Message& message) {
  const pb::Reflection& reflection = *message.GetReflection();
  const pb::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor* const field = type.field(i);
    const bool is_message = field->message_type() != nullptr;
    if (field->is_repeated()) {
      const int size = reflection.FieldSize(message, field);
      for (int k = 0; is_message && k < size; ++k) {
        MakeDefaultsExplicit(
            *reflection.MutableRepeatedMessage(&message, field, k));
      }
    } else if (is_message) {
      if (field->containing_oneof() == nullptr ||
          reflection.HasField(message, field)) {
        MakeDefaultsExplicit(*reflection.MutableMessage(&message, field));
      }
    } else if (field->has_default_value()) {
      SetToDefault(message, field);
    }
  }
}

void ResolveCogformer(CogformerConfig& model) {
  if (!model.has_num_kv_heads() && model.has_num_heads()) {
    model.set_num_kv_heads(model.num_heads());
  }
  // An uneven quotient stays unset, for validation to explain.
  if (!model.has_head_dim() && model.has_hidden_size() &&
      model.num_heads() > 0 && model.hidden_size() % model.num_heads() == 0) {
    model.set_head_dim(model.hidden_size() / model.num_heads());
  }
}

}  // namespace

void ResolveConfig(absl::string_view path, RunConfig& config) {
  MakeDefaultsExplicit(config);
  if (config.model().has_cogformer()) {
    CogformerConfig& model = *config.mutable_model()->mutable_cogformer();
    ResolveCogformer(model);
    if (!config.data().has_seq_len() && model.has_max_seq_len()) {
      config.mutable_data()->set_seq_len(model.max_seq_len());
    }
  }
  if (!config.lr_schedule().has_decay_steps() && config.train_steps() >= 1) {
    config.mutable_lr_schedule()->set_decay_steps(config.train_steps());
  }
  if (!config.has_name()) {
    config.set_name(std::filesystem::path(std::string(path)).stem().string());
  }
  if (!config.has_run_dir()) {
    config.set_run_dir(absl::StrCat("runs/", config.name()));
  }
}

absl::StatusOr<RunConfig> LoadRunConfig(
    absl::string_view path, absl::Span<const std::string> overrides) {
  RunConfig config;
  COG_RETURN_IF_ERROR(ReadTextConfig(path, config));
  COG_RETURN_IF_ERROR(ApplyOverrides(overrides, config));
  ResolveConfig(path, config);
  return config;
}

std::string PrintRunConfig(const RunConfig& config) {
  std::string text;
  COG_CHECK(pb::TextFormat::PrintToString(config, &text));
  return text;
}

int64_t SequencesPerPass(const RunConfig& config) {
  if (config.deterministic() == LAYOUT_INVARIANT) return 1;
  return config.batch().micro_batch_size();
}

int64_t TokensPerStep(const RunConfig& config) {
  return config.batch().global_batch_size() * config.data().seq_len();
}

}  // namespace cogdist
