#include "runtime/data/pre_tokenizer_json.h"

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

using Json = nlohmann::json;

absl::Status Bad(absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat("pre_tokenizer", problem));
}

bool Flag(const Json& step, const char* name, bool otherwise) {
  const auto found = step.find(name);
  if (found == step.end() || !found->is_boolean()) return otherwise;
  return found->get<bool>();
}

std::string Text(const Json& step, const char* name) {
  const auto found = step.find(name);
  if (found == step.end() || !found->is_string()) return "";
  return found->get<std::string>();
}

absl::StatusOr<PreTokenizerStep> Split(const Json& step) {
  PreTokenizerStep result;
  const auto pattern = step.find("pattern");
  if (pattern != step.end() && pattern->is_object()) {
    result.pattern = Text(*pattern, "Regex");
    if (result.pattern.empty()) {
      result.pattern = EscapeRegex(Text(*pattern, "String"));
    }
  }
  if (result.pattern.empty()) {
    return Bad(".pattern: expected {\"Regex\": ...} or {\"String\": ...}");
  }
  const std::string behavior = Text(step, "behavior");
  if (behavior == "Removed") {
    const bool invert = Flag(step, "invert", false);
    (invert ? result.keep_gaps : result.keep_matches) = false;
  } else if (behavior != "Isolated") {
    return Bad(absl::StrCat(".behavior: \"", behavior,
                            "\" is not supported, only Isolated and Removed"));
  }
  return result;
}

// Appends the steps of `field`; sets `byte_level` once ByteLevel was there.
absl::Status Append(const Json& field, std::vector<PreTokenizerStep>& steps,
                    bool& byte_level) {
  const std::string type = field.is_object() ? Text(field, "type") : "null";
  if (byte_level) return Bad(".pretokenizers: ByteLevel must be the last");
  if (type == "Sequence") {
    const auto list = field.find("pretokenizers");
    if (list == field.end() || !list->is_array()) {
      return Bad(".pretokenizers: expected a list");
    }
    for (const Json& step : *list) {
      COG_RETURN_IF_ERROR(Append(step, steps, byte_level));
    }
  } else if (type == "ByteLevel") {
    byte_level = true;
    steps.push_back({.add_prefix_space = Flag(field, "add_prefix_space", true),
                     .pattern = Flag(field, "use_regex", true)
                                    ? std::string(kGpt2Pattern)
                                    : ""});
  } else if (type == "Digits") {
    steps.push_back({.pattern = Flag(field, "individual_digits", false)
                                    ? "\\p{N}"
                                    : "\\p{N}+"});
  } else if (type == "Split") {
    COG_ASSIGN_OR_RETURN(PreTokenizerStep step, Split(field));
    steps.push_back(std::move(step));
  } else {
    return Bad(absl::StrCat(".type: \"", type,
                            "\" is not supported, only ByteLevel, and Split, "
                            "Digits and Sequence before it"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<PreTokenizerStep>> ParsePreTokenizer(
    const Json& field) {
  std::vector<PreTokenizerStep> steps;
  bool byte_level = false;
  COG_RETURN_IF_ERROR(Append(field, steps, byte_level));
  if (!byte_level) {
    return Bad(": has no ByteLevel step; only byte-level BPE is supported");
  }
  return steps;
}

}  // namespace cogdist
