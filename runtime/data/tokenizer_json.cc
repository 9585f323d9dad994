#include "runtime/data/tokenizer_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/check.h"
#include "runtime/data/byte_level.h"
#include "runtime/data/pre_tokenizer_json.h"
#include "runtime/file.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

using Json = nlohmann::json;
using Ids = absl::flat_hash_map<std::string, int32_t>;

// Ids above this are damage, not a vocabulary.
constexpr int64_t kMaxId = 10'000'000;

absl::Status Bad(absl::string_view field, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", problem));
}

// `object[key]`, or null where there is none.
const Json& Get(const Json& object, const char* key) {
  static const Json null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

bool IsTrue(const Json& value) { return value.is_boolean() && value == true; }

absl::StatusOr<int32_t> Id(const Json& value, absl::string_view field) {
  if (!value.is_number_integer() || value < 0 || value > kMaxId) {
    return Bad(field, absl::StrCat("expected an id, not ", value.dump()));
  }
  return value.get<int32_t>();
}

// Options of the model that would change ids and that byte-level BPE has no
// use for.
absl::Status CheckModelOptions(const Json& model) {
  const Json& type = Get(model, "type");
  if (!type.is_null() && type != "BPE") {
    return Bad("model.type",
               absl::StrCat(type.dump(), " is not supported, only \"BPE\""));
  }
  const Json& dropout = Get(model, "dropout");
  if (!dropout.is_null() && dropout != 0) {
    return Bad("model.dropout", "only null is supported");
  }
  for (const char* affix :
       {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const Json& value = Get(model, affix);
    if (!value.is_null() && value != "") {
      return Bad(absl::StrCat("model.", affix),
                 "only null is supported, as in byte-level BPE");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Ids> ReadVocab(const Json& vocab, BpeDefinition& d) {
  if (!vocab.is_object() || vocab.empty()) {
    return Bad("model.vocab", "expected an object of tokens and their ids");
  }
  Ids ids;
  for (const auto& [name, value] : vocab.items()) {
    COG_ASSIGN_OR_RETURN(
        const int32_t id,
        Id(value, absl::StrCat("model.vocab[", Json(name).dump(), "]")));
    if (d.tokens.size() <= static_cast<size_t>(id)) d.tokens.resize(id + 1);
    BpeDefinition::Token& token = d.tokens[id];
    if (!token.bytes.empty()) {
      return Bad("model.vocab", absl::StrCat("two tokens have the id ", id));
    }
    absl::optional<std::string> bytes = FromByteLevel(name);
    token = {bytes.value_or(name), bytes.has_value()};
    ids.emplace(name, id);
  }
  return ids;
}

// A merge is "a b" or, since Tokenizers 0.20, ["a", "b"].
absl::StatusOr<std::pair<std::string, std::string>> MergeNames(
    const Json& merge, absl::string_view field) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
      merge[1].is_string()) {
    return std::pair(merge[0].get<std::string>(), merge[1].get<std::string>());
  }
  if (merge.is_string()) {
    const std::string names = merge.get<std::string>();
    const size_t space = names.find(' ');
    if (space != names.npos && names.find(' ', space + 1) == names.npos) {
      return std::pair(names.substr(0, space), names.substr(space + 1));
    }
  }
  return Bad(field, absl::StrCat("expected \"a b\" or [\"a\", \"b\"], not ",
                                 merge.dump()));
}

absl::Status ReadMerges(const Json& merges, const Ids& ids, BpeDefinition& d) {
  if (!merges.is_array()) return Bad("model.merges", "expected a list");
  for (size_t i = 0; i < merges.size(); ++i) {
    const std::string field = absl::StrCat("model.merges[", i, "]");
    COG_ASSIGN_OR_RETURN(const auto names, MergeNames(merges[i], field));
    int32_t merge[3];
    const std::string all[3] = {names.first, names.second,
                                names.first + names.second};
    for (int k = 0; k < 3; ++k) {
      const auto found = ids.find(all[k]);
      if (found == ids.end()) {
        return Bad(field, absl::StrCat("model.vocab has no token ",
                                       Json(all[k]).dump()));
      }
      merge[k] = found->second;
    }
    d.merges.push_back({merge[0], merge[1], merge[2]});
  }
  return absl::OkStatus();
}

absl::Status ReadAddedTokens(const Json& tokens, const Ids& ids,
                             BpeDefinition& d) {
  if (tokens.is_null()) return absl::OkStatus();
  if (!tokens.is_array()) return Bad("added_tokens", "expected a list");
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::string field = absl::StrCat("added_tokens[", i, "]");
    const Json& token = tokens[i];
    if (!token.is_object() || !Get(token, "content").is_string()) {
      return Bad(field, "expected an object with a string \"content\"");
    }
    if (IsTrue(Get(token, "single_word"))) {
      return Bad(field + ".single_word", "only false is supported");
    }
    COG_ASSIGN_OR_RETURN(const int32_t id, Id(Get(token, "id"), field + ".id"));
    const auto in_vocab = ids.find(token["content"].get<std::string>());
    if (in_vocab != ids.end() && in_vocab->second != id) {
      return Bad(
          field + ".id",
          absl::StrCat("is ", id, ", but model.vocab has ", in_vocab->second));
    }
    d.added_tokens.push_back({.id = id,
                              .content = token["content"].get<std::string>(),
                              .lstrip = IsTrue(Get(token, "lstrip")),
                              .rstrip = IsTrue(Get(token, "rstrip")),
                              .normalized = IsTrue(Get(token, "normalized")),
                              .special = IsTrue(Get(token, "special"))});
  }
  return absl::OkStatus();
}

absl::Status ReadNormalizer(const Json& normalizer, BpeDefinition& d) {
  if (normalizer.is_null()) return absl::OkStatus();
  if (!normalizer.is_object()) return Bad("normalizer", "expected an object");
  const Json& type = Get(normalizer, "type");
  if (type == "NFC") {
    d.nfc = true;
    return absl::OkStatus();
  }
  if (type == "Sequence" && Get(normalizer, "normalizers").is_array()) {
    for (const Json& step : normalizer["normalizers"]) {
      COG_RETURN_IF_ERROR(ReadNormalizer(step, d));
    }
    return absl::OkStatus();
  }
  return Bad("normalizer.type",
             absl::StrCat(type.dump(), " is not supported, only NFC"));
}

nlohmann::ordered_json FormatAddedToken(const AddedToken& token) {
  return {{"id", token.id},          {"content", token.content},
          {"single_word", false},    {"lstrip", token.lstrip},
          {"rstrip", token.rstrip},  {"normalized", token.normalized},
          {"special", token.special}};
}

nlohmann::ordered_json FormatModel(const BpeDefinition& d) {
  auto vocab = nlohmann::ordered_json::object();
  std::vector<std::string> names;
  for (const BpeDefinition::Token& token : d.tokens) {
    names.push_back(token.reachable ? ToByteLevel(token.bytes) : token.bytes);
    // ordered_json looks for duplicates in linear time; there are none.
    vocab.get_ref<nlohmann::ordered_json::object_t&>().emplace_back(
        names.back(), names.size() - 1);
  }
  auto merges = nlohmann::ordered_json::array();
  for (const BpeMerge& merge : d.merges) {
    merges.push_back(absl::StrCat(names[merge.left], " ", names[merge.right]));
  }
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", d.ignore_merges},
          {"vocab", std::move(vocab)},
          {"merges", std::move(merges)}};
}

}  // namespace

absl::StatusOr<BpeDefinition> ParseTokenizerJson(absl::string_view json) {
  const Json file = Json::parse(json.begin(), json.end(), nullptr, false);
  if (!file.is_object() || !Get(file, "model").is_object()) {
    return absl::InvalidArgumentError(
        "no tokenizer.json of Hugging Face Tokenizers: expected a JSON object "
        "with an object \"model\"");
  }
  const Json& model = file["model"];
  BpeDefinition d;
  COG_RETURN_IF_ERROR(CheckModelOptions(model));
  COG_ASSIGN_OR_RETURN(const Ids ids, ReadVocab(Get(model, "vocab"), d));
  COG_RETURN_IF_ERROR(ReadMerges(Get(model, "merges"), ids, d));
  d.ignore_merges = IsTrue(Get(model, "ignore_merges"));
  COG_RETURN_IF_ERROR(ReadAddedTokens(Get(file, "added_tokens"), ids, d));
  COG_RETURN_IF_ERROR(ReadNormalizer(Get(file, "normalizer"), d));
  COG_ASSIGN_OR_RETURN(d.pre_tokenizer,
                       ParsePreTokenizer(Get(file, "pre_tokenizer")));
  return d;
}

absl::StatusOr<BpeDefinition> ReadTokenizerJson(absl::string_view path) {
  const auto json = ReadFile(path);
  if (!json.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        json.status().message(),
        "; expected a tokenizer.json, or the word bytes for the byte "
        "tokenizer"));
  }
  auto definition = ParseTokenizerJson(*json);
  if (!definition.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", definition.status().message()));
  }
  return definition;
}

std::string FormatTokenizerJson(const BpeDefinition& definition) {
  COG_CHECK(!definition.nfc);
  COG_CHECK(definition.pre_tokenizer.size() == 1 &&
            definition.pre_tokenizer[0].pattern == kGpt2Pattern);
  auto added_tokens = nlohmann::ordered_json::array();
  for (const AddedToken& token : definition.added_tokens) {
    added_tokens.push_back(FormatAddedToken(token));
  }
  const nlohmann::ordered_json byte_level = {
      {"type", "ByteLevel"},
      {"add_prefix_space", definition.pre_tokenizer[0].add_prefix_space},
      {"trim_offsets", true},
      {"use_regex", true}};
  const nlohmann::ordered_json file = {{"version", "1.0"},
                                       {"truncation", nullptr},
                                       {"padding", nullptr},
                                       {"added_tokens", added_tokens},
                                       {"normalizer", nullptr},
                                       {"pre_tokenizer", byte_level},
                                       {"post_processor", nullptr},
                                       {"decoder", byte_level},
                                       {"model", FormatModel(definition)}};
  return file.dump(1) + "\n";
}

}  // namespace cogdist
