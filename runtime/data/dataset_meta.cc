#include "runtime/data/dataset_meta.h"

#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/file.h"
#include "runtime/json.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::Status CheckRequired(const nlohmann::json& object,
                           absl::string_view path) {
  for (const char* key :
       {"documents", "tokens", "largest_token_id", "crc32c"}) {
    if (object.contains(key)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": \"", key,
                     "\" is missing; make the dataset again with "
                     "`cogdist prepare`"));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> ParseCrc(const std::string& text,
                                  absl::string_view path) {
  uint32_t crc;
  if (text.size() != 8 || !absl::SimpleHexAtoi(text, &crc)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": \"crc32c\" must be eight hexadecimal digits, not \"", text,
        "\""));
  }
  return crc;
}

}  // namespace

std::string DatasetMetaPath(absl::string_view prefix) {
  return absl::StrCat(prefix, ".meta.json");
}

absl::StatusOr<DatasetMeta> ReadDatasetMeta(absl::string_view prefix) {
  const std::string path = DatasetMetaPath(prefix);
  COG_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  COG_ASSIGN_OR_RETURN(const nlohmann::json object,
                       ParseJsonObject(text, path));
  COG_RETURN_IF_ERROR(CheckRequired(object, path));
  DatasetMeta meta;
  std::string crc;
  COG_RETURN_IF_ERROR(ReadMember(object, "tokenizer", path, meta.tokenizer));
  COG_RETURN_IF_ERROR(ReadMember(object, "source", path, meta.source));
  COG_RETURN_IF_ERROR(ReadMember(object, "license", path, meta.license));
  COG_RETURN_IF_ERROR(ReadMember(object, "documents", path, meta.documents));
  COG_RETURN_IF_ERROR(ReadMember(object, "tokens", path, meta.tokens));
  COG_RETURN_IF_ERROR(ReadMember(object, "text_bytes", path, meta.text_bytes));
  COG_RETURN_IF_ERROR(
      ReadMember(object, "largest_token_id", path, meta.largest_token_id));
  COG_RETURN_IF_ERROR(
      ReadMember(object, "eos_token_id", path, meta.eos_token_id));
  COG_RETURN_IF_ERROR(ReadMember(object, "crc32c", path, crc));
  COG_ASSIGN_OR_RETURN(meta.crc32c, ParseCrc(crc, path));
  return meta;
}

absl::Status WriteDatasetMeta(absl::string_view prefix,
                              const DatasetMeta& meta) {
  nlohmann::ordered_json object;
  object["tokenizer"] = meta.tokenizer;
  object["source"] = meta.source;
  object["license"] = meta.license;
  object["documents"] = meta.documents;
  object["tokens"] = meta.tokens;
  object["text_bytes"] = meta.text_bytes;
  object["largest_token_id"] = meta.largest_token_id;
  object["eos_token_id"] = meta.eos_token_id;
  object["crc32c"] = absl::StrFormat("%08x", meta.crc32c);
  // A source may be a file name, and those need not be UTF-8.
  const std::string text = object.dump(
      2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return WriteFileAtomically(DatasetMetaPath(prefix), text + "\n");
}

}  // namespace cogdist
