#include "launcher/config_override.h"

#include <cstdint>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "launcher/nearest_name.h"
#include "launcher/text_config.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

namespace pb = ::google::protobuf;

// Where a value goes: a field, and in a list one element of it.
struct Target {
  pb::Message* message;
  const pb::FieldDescriptor* field;
  int index;  // -1 where no index was given

  int list_size() const {
    return message->GetReflection()->FieldSize(*message, field);
  }
};

absl::Status Error(absl::string_view path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("--set ", path, ": ", what));
}

absl::Status WrongValue(absl::string_view path, absl::string_view value,
                        absl::string_view expected) {
  return Error(path, absl::StrCat("'", value, "' is not ", expected));
}

template <typename T, auto Set, auto SetRepeated, auto Add>
void Store(const Target& target, T value) {
  const pb::Reflection& reflection = *target.message->GetReflection();
  if (!target.field->is_repeated()) {
    (reflection.*Set)(target.message, target.field, value);
  } else if (target.index < target.list_size()) {
    (reflection.*SetRepeated)(target.message, target.field, target.index,
                              value);
  } else {
    (reflection.*Add)(target.message, target.field, value);
  }
}

absl::Status StoreEnum(absl::string_view path, absl::string_view value,
                       const Target& target) {
  using R = pb::Reflection;
  const pb::EnumDescriptor& type = *target.field->enum_type();
  const pb::EnumValueDescriptor* const number =
      type.FindValueByName(std::string(value));
  if (number == nullptr) {
    const std::vector<std::string> names = ValueNames(type);
    return WrongValue(
        path, value,
        absl::StrCat("one of ", absl::StrJoin(names, ", "), "; did you mean ",
                     NearestName(value, names), "?"));
  }
  Store<const pb::EnumValueDescriptor*, &R::SetEnum, &R::SetRepeatedEnum,
        &R::AddEnum>(target, number);
  return absl::OkStatus();
}

absl::Status StoreScalar(absl::string_view path, absl::string_view value,
                         const Target& target) {
  using R = pb::Reflection;
  int64_t integer = 0;
  uint64_t natural = 0;
  double number = 0;
  switch (target.field->cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT64:
      if (!absl::SimpleAtoi(value, &integer)) {
        return WrongValue(path, value, "an integer");
      }
      Store<int64_t, &R::SetInt64, &R::SetRepeatedInt64, &R::AddInt64>(target,
                                                                       integer);
      return absl::OkStatus();
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      if (!absl::SimpleAtoi(value, &natural)) {
        return WrongValue(path, value, "an integer of at least 0");
      }
      Store<uint64_t, &R::SetUInt64, &R::SetRepeatedUInt64, &R::AddUInt64>(
          target, natural);
      return absl::OkStatus();
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      if (!absl::SimpleAtod(value, &number)) {
        return WrongValue(path, value, "a number");
      }
      Store<double, &R::SetDouble, &R::SetRepeatedDouble, &R::AddDouble>(
          target, number);
      return absl::OkStatus();
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      if (value != "true" && value != "false") {
        return WrongValue(path, value, "true or false");
      }
      Store<bool, &R::SetBool, &R::SetRepeatedBool, &R::AddBool>(
          target, value == "true");
      return absl::OkStatus();
    case pb::FieldDescriptor::CPPTYPE_STRING:
      Store<std::string, &R::SetString, &R::SetRepeatedString, &R::AddString>(
          target, std::string(value));
      return absl::OkStatus();
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return StoreEnum(path, value, target);
    default:
      COG_CHECK(false, "the schema has a type without --set: ", path);
      return absl::OkStatus();
  }
}

absl::Status StoreValue(absl::string_view path, absl::string_view value,
                        const Target& target) {
  const bool whole_list = target.field->is_repeated() && target.index < 0;
  if (whole_list && value == "[]") {
    target.message->GetReflection()->ClearField(target.message, target.field);
    return absl::OkStatus();
  }
  if (whole_list) {
    return Error(path, absl::StrCat("is a list; set one element (", path,
                                    ".0=...) or clear it (", path, "=[])"));
  }
  if (const pb::Descriptor* const type = target.field->message_type()) {
    return Error(path, absl::StrCat("has fields of its own; set one of them: ",
                                    absl::StrJoin(FieldNames(*type), ", ")));
  }
  return StoreScalar(path, value, target);
}

// The words of a path, taken from the left.
class PathReader {
 public:
  explicit PathReader(absl::string_view path)
      : words_(absl::StrSplit(path, '.')) {}

  bool done() const { return next_ == words_.size(); }
  absl::string_view Next() { return words_[next_++]; }
  // What has been read, "model.cogformer".
  std::string read() const {
    return absl::StrJoin(words_.begin(), words_.begin() + next_, ".");
  }

 private:
  std::vector<absl::string_view> words_;
  size_t next_ = 0;
};

absl::Status ReadField(PathReader& path, Target& target) {
  const std::string parent = path.read();
  const absl::string_view name = path.Next();
  const pb::Descriptor& type = *target.message->GetDescriptor();
  target.field = type.FindFieldByName(std::string(name));
  target.index = -1;
  if (target.field != nullptr) return absl::OkStatus();
  return Error(path.read(),
               absl::StrCat("there is no such field; did you mean ", parent,
                            parent.empty() ? "" : ".",
                            NearestName(name, FieldNames(type)), "?"));
}

absl::Status ReadIndex(PathReader& path, Target& target) {
  const absl::string_view word = path.Next();
  const int size = target.list_size();
  if (absl::SimpleAtoi(word, &target.index) && target.index >= 0 &&
      target.index <= size) {
    return absl::OkStatus();
  }
  return Error(
      path.read(),
      absl::StrCat("'", word, "' is no index of a list with ", size,
                   " elements; use 0 to ", size, " (", size, " appends)"));
}

// Steps into the message that `target` names, creating it where it is absent.
absl::Status Descend(const PathReader& path, Target& target) {
  const pb::Reflection& reflection = *target.message->GetReflection();
  if (target.field->message_type() == nullptr) {
    return Error(path.read(), "is a value and has no fields of its own");
  }
  if (!target.field->is_repeated()) {
    target.message = reflection.MutableMessage(target.message, target.field);
  } else if (target.index < target.list_size()) {
    target.message = reflection.MutableRepeatedMessage(
        target.message, target.field, target.index);
  } else {
    target.message = reflection.AddMessage(target.message, target.field);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyOverride(absl::string_view assignment, pb::Message& config) {
  const size_t equals = assignment.find('=');
  if (equals == absl::string_view::npos || equals == 0) {
    return Error(assignment, "needs the form PATH=VALUE");
  }
  const absl::string_view full_path = assignment.substr(0, equals);
  PathReader path(full_path);
  Target target{.message = &config, .field = nullptr, .index = -1};
  COG_RETURN_IF_ERROR(ReadField(path, target));
  while (true) {
    if (!path.done() && target.field->is_repeated()) {
      COG_RETURN_IF_ERROR(ReadIndex(path, target));
    }
    if (path.done()) break;
    COG_RETURN_IF_ERROR(Descend(path, target));
    COG_RETURN_IF_ERROR(ReadField(path, target));
  }
  return StoreValue(full_path, assignment.substr(equals + 1), target);
}

absl::Status ApplyOverrides(absl::Span<const std::string> assignments,
                            pb::Message& config) {
  for (const std::string& assignment : assignments) {
    COG_RETURN_IF_ERROR(ApplyOverride(assignment, config));
  }
  return absl::OkStatus();
}

}  // namespace cogdist
