// The file format of Hugging Face Tokenizers, for byte-level BPE.

#ifndef COGDIST_RUNTIME_DATA_TOKENIZER_JSON_H_
#define COGDIST_RUNTIME_DATA_TOKENIZER_JSON_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/data/bpe_definition.h"

namespace cogdist {

// Reads what decides about ids and text: `model` (BPE), `added_tokens`,
// `pre_tokenizer` (ByteLevel, alone or after Split and Digits steps) and
// `normalizer` (none or NFC). `post_processor`, `truncation` and `padding` are
// for batches of a finished model and not used here, so no tokens are put
// around a text. Errors begin with the file's name, name the JSON field and say
// what is supported.
absl::StatusOr<BpeDefinition> ReadTokenizerJson(absl::string_view path);

// The same from the text of a file; errors do not name one.
absl::StatusOr<BpeDefinition> ParseTokenizerJson(absl::string_view json);

// The text of a file that gives the same ids in Hugging Face Tokenizers.
// REQUIRES: the one pre-tokenizer step is ByteLevel's, as the trainer makes it
// (bpe_trainer.h); no normalisation; every token reachable or added.
std::string FormatTokenizerJson(const BpeDefinition& definition);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_TOKENIZER_JSON_H_
