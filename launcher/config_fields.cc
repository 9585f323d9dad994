#include "launcher/config_fields.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"

namespace cogdist {
namespace {

namespace pb = google::protobuf;

// Those of `message`, whose own name with a dot behind it is `path`.
void AddFields(const pb::Message& message, const std::string& path,
               std::vector<ConfigField>& result) {
  const pb::Reflection& reflection = *message.GetReflection();
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    const bool repeated = field->is_repeated();
    const int count = repeated ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      std::string name = absl::StrCat(path, field->name());
      if (repeated) absl::StrAppend(&name, ".", i);
      if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) {
        AddFields(repeated ? reflection.GetRepeatedMessage(message, field, i)
                           : reflection.GetMessage(message, field),
                  name + ".", result);
        continue;
      }
      std::string value;
      pb::TextFormat::PrintFieldValueToString(message, field, repeated ? i : -1,
                                              &value);
      result.push_back({name, value});
    }
  }
}

}  // namespace

std::vector<ConfigField> FieldsOf(const RunConfig& config) {
  std::vector<ConfigField> fields;
  AddFields(config, "", fields);
  return fields;
}

}  // namespace cogdist
