// PREFIX.meta.json: what is known of a token dataset beyond its index. Written
// by `cogdist prepare`; foreign datasets have none.

#ifndef COGDIST_RUNTIME_DATA_DATASET_META_H_
#define COGDIST_RUNTIME_DATA_DATASET_META_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cogdist {

// A JSON object with these names; `crc32c` there is eight hexadecimal digits.
// Members that are unknown here are ignored when read.
struct DatasetMeta {
  std::string tokenizer;  // fingerprint of the tokenizer that made the ids
  std::string source;     // where the text comes from
  std::string license;
  int64_t documents = 0;
  int64_t tokens = 0;
  int64_t text_bytes = 0;         // of the text, for bits per byte
  int64_t largest_token_id = -1;  // -1: no tokens
  int64_t eos_token_id = -1;      // closes every document; -1: not stated
  uint32_t crc32c = 0;            // of PREFIX.bin
};

std::string DatasetMetaPath(absl::string_view prefix);

// NotFound when the dataset has none.
absl::StatusOr<DatasetMeta> ReadDatasetMeta(absl::string_view prefix);
absl::Status WriteDatasetMeta(absl::string_view prefix,
                              const DatasetMeta& meta);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_DATASET_META_H_
