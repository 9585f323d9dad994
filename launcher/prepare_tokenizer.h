// The tokenizer of `cogdist prepare`: loaded, or trained on the documents.

#ifndef COGDIST_LAUNCHER_PREPARE_TOKENIZER_H_
#define COGDIST_LAUNCHER_PREPARE_TOKENIZER_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "launcher/prepare.h"
#include "runtime/data/tokenizer.h"

namespace cogdist {

struct PreparedTokenizer {
  std::unique_ptr<Tokenizer> tokenizer;
  int32_t eos_id = 0;
  // The tokenizer.json to write; empty if none was trained.
  std::string json;
};

// REQUIRES: options.threads > 0, and one of tokenizer and train_bpe is set.
absl::StatusOr<PreparedTokenizer> MakeTokenizer(const PrepareOptions& options,
                                                std::FILE* log);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_PREPARE_TOKENIZER_H_
