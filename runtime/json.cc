#include "runtime/json.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace cogdist {
namespace {

using nlohmann::json;

// Notes the first key that an object has twice.
class DuplicateKeys {
 public:
  void See(json::parse_event_t event, const json& parsed) {
    if (event == json::parse_event_t::object_start) keys_.emplace_back();
    if (event == json::parse_event_t::object_end) keys_.pop_back();
    if (event != json::parse_event_t::key) return;
    const auto& key = parsed.get_ref<const std::string&>();
    if (!keys_.back().insert(key).second && !first_.has_value()) first_ = key;
  }
  const std::optional<std::string>& first() const { return first_; }

 private:
  std::vector<absl::flat_hash_set<std::string>> keys_;  // of the open objects
  std::optional<std::string> first_;
};

// Far more than any file we read has. Each level that the parser opens costs it
// a hundred times the byte that the text spends on it.
constexpr int kMaxDepth = 64;

// Whether brackets outside of strings nest deeper than kMaxDepth.
bool TooDeep(absl::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size() && depth <= kMaxDepth; ++i) {
    const char c = text[i];
    if (c == '"') in_string = !in_string;
    if (c == '\\' && in_string) ++i;  // whatever follows stands for itself
    if (in_string) continue;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
  }
  return depth > kMaxDepth;
}

}  // namespace

absl::StatusOr<json> ParseJsonObject(absl::string_view text,
                                     absl::string_view what) {
  if (TooDeep(text)) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, ": values are nested more than ", kMaxDepth, " levels deep"));
  }
  DuplicateKeys duplicates;
  json parsed = json::parse(
      text.begin(), text.end(),
      [&](int, json::parse_event_t event, json& value) {
        duplicates.See(event, value);
        return true;
      },
      /*allow_exceptions=*/false);
  if (parsed.is_discarded()) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": not valid JSON"));
  }
  if (!parsed.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": a JSON object is needed, {...}"));
  }
  if (duplicates.first().has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, ": \"", *duplicates.first(), "\" occurs twice in one object"));
  }
  return parsed;
}

absl::Status ReadMember(const json& object, absl::string_view key,
                        absl::string_view what, std::string& value) {
  const auto member = object.find(std::string(key));
  if (member == object.end()) return absl::OkStatus();
  if (!member->is_string()) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": \"", key, "\" must be a string"));
  }
  value = member->get_ref<const std::string&>();
  return absl::OkStatus();
}

absl::Status ReadMember(const json& object, absl::string_view key,
                        absl::string_view what, int64_t& value) {
  const auto member = object.find(std::string(key));
  if (member == object.end()) return absl::OkStatus();
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (!member->is_number_integer() ||
      (member->is_number_unsigned() && member->get<uint64_t>() > kMax)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": \"", key, "\" must be a whole number"));
  }
  value = member->get<int64_t>();
  return absl::OkStatus();
}

absl::Status ReadMember(const json& object, absl::string_view key,
                        absl::string_view what, double& value) {
  const auto member = object.find(std::string(key));
  if (member == object.end()) return absl::OkStatus();
  if (!member->is_number()) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": \"", key, "\" must be a number"));
  }
  value = member->get<double>();
  return absl::OkStatus();
}

absl::Status ReadMember(const json& object, absl::string_view key,
                        absl::string_view what, bool& value) {
  const auto member = object.find(std::string(key));
  if (member == object.end()) return absl::OkStatus();
  if (!member->is_boolean()) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": \"", key, "\" must be true or false"));
  }
  value = member->get<bool>();
  return absl::OkStatus();
}

}  // namespace cogdist
