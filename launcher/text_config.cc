#include "launcher/text_config.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/text_format.h"
#include "launcher/nearest_name.h"
#include "runtime/file.h"

namespace cogdist {
namespace {

namespace pb = ::google::protobuf;

// Keeps the first error: what follows is usually its consequence.
class FirstTextError : public pb::io::ErrorCollector {
 public:
  void AddError(int line, pb::io::ColumnNumber column,
                const std::string& message) override {
    if (found_) return;
    found_ = true;
    line_ = line;
    column_ = column;
    message_ = message;
  }

  bool found() const { return found_; }
  int line() const { return line_; }      // from 0
  int column() const { return column_; }  // from 0
  const std::string& message() const { return message_; }

 private:
  bool found_ = false;
  int line_ = 0;
  int column_ = 0;
  std::string message_;
};

class IgnoreErrors : public pb::io::ErrorCollector {
 public:
  void AddError(int, pb::io::ColumnNumber, const std::string&) override {}
};

// The names of the open messages and of the field being written where an error
// was found: {"model", "cogformer", "num_layers"}. The parser reports neither.
std::vector<std::string> NamesBefore(const FirstTextError& error,
                                     absl::string_view text) {
  pb::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  IgnoreErrors ignore;
  pb::io::Tokenizer tokenizer(&input, &ignore);
  tokenizer.set_comment_style(pb::io::Tokenizer::SH_COMMENT_STYLE);
  std::vector<std::string> open;
  std::string field;
  bool after_colon = false;
  while (tokenizer.Next()) {
    const pb::io::Tokenizer::Token& token = tokenizer.current();
    if (std::pair(token.line, token.column) >=
        std::pair(error.line(), error.column())) {
      break;
    }
    if (token.text == "{" || token.text == "<") {
      open.push_back(field);
    } else if ((token.text == "}" || token.text == ">") && !open.empty()) {
      field = open.back();
      open.pop_back();
    } else if (token.type == pb::io::Tokenizer::TYPE_IDENTIFIER &&
               !after_colon) {
      field = token.text;
    }
    after_colon = token.text == ":";
  }
  open.push_back(field);
  return open;
}

// What a path of names leads to, as far as the schema knows it.
struct Place {
  const pb::Descriptor* message;     // the innermost known message
  const pb::FieldDescriptor* field;  // null: `message` has no such field
  absl::string_view name;            // of the field
  std::string path;                  // of the message, "" or "a.b."
};

Place Resolve(const pb::Descriptor* type,
              const std::vector<std::string>& names) {
  Place place{.message = type, .field = nullptr, .name = {}, .path = ""};
  for (const std::string& name : names) {
    if (place.field != nullptr) {
      if (place.field->message_type() == nullptr) break;
      place.message = place.field->message_type();
      absl::StrAppend(&place.path, place.name, ".");
    }
    place.name = name;
    place.field = place.message->FindFieldByName(name);
    if (place.field == nullptr) break;
  }
  return place;
}

// The parser's message in terms of the configuration, with the remedy.
std::string Explain(const FirstTextError& error, const Place& place) {
  const std::string& message = error.message();
  if (absl::StrContains(message, "has no field named")) {
    return absl::StrCat(
        place.path, place.name, ": there is no such field; did you mean ",
        place.path, NearestName(place.name, FieldNames(*place.message)), "?");
  }
  if (place.field == nullptr) return message;
  const std::string path = absl::StrCat(place.path, place.name);
  if (place.field->enum_type() != nullptr &&
      absl::StrContains(message, "numeration value")) {
    const std::vector<std::string> names =
        ValueNames(*place.field->enum_type());
    return absl::StrCat(path, ": the value is not one of ",
                        absl::StrJoin(names, ", "));
  }
  if (absl::StrContains(message, "specified multiple times")) {
    return absl::StrCat(path, ": is given twice; keep one");
  }
  return absl::StrCat(path, ": ", message);
}

}  // namespace

std::vector<std::string> FieldNames(const pb::Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) {
    names.push_back(type.field(i)->name());
  }
  return names;
}

std::vector<std::string> ValueNames(const pb::EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    names.push_back(type.value(i)->name());
  }
  return names;
}

absl::Status ParseTextConfig(absl::string_view file, absl::string_view text,
                             pb::Message& message) {
  FirstTextError error;
  pb::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  pb::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  if (parser.Parse(&input, &message)) return absl::OkStatus();
  const std::vector<std::string> names = NamesBefore(error, text);
  return absl::InvalidArgumentError(
      absl::StrCat(file, ":", error.line() + 1, ":", error.column() + 1, ": ",
                   Explain(error, Resolve(message.GetDescriptor(), names))));
}

absl::Status ReadTextConfig(absl::string_view file, pb::Message& message) {
  const absl::StatusOr<std::string> text = ReadFile(file);
  if (!text.ok()) {
    return absl::Status(text.status().code(),
                        absl::StrCat(text.status().message(),
                                     "; give the path of a configuration file "
                                     "(configs/ has examples)"));
  }
  return ParseTextConfig(file, *text, message);
}

}  // namespace cogdist
