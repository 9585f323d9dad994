// The tokenizer seam: text to token ids and back.

#ifndef COGDIST_RUNTIME_DATA_TOKENIZER_H_
#define COGDIST_RUNTIME_DATA_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"

namespace cogdist {

// Const methods may be called from any number of threads at once.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Appends the ids of `text` to `ids`. Any bytes are accepted: those that are
  // not UTF-8 become tokens of their own and come back from Decode(). No
  // beginning- or end-of-document token is added.
  virtual void Encode(absl::string_view text,
                      std::vector<int32_t>& ids) const = 0;

  // The bytes that `ids` stand for, special tokens as their text. They may
  // begin or end inside a character (see IncompleteUtf8Tail in utf8.h). Ids
  // without a token, as a padded output layer can give them, add nothing.
  virtual std::string Decode(absl::Span<const int32_t> ids) const = 0;

  // All ids are in [0, vocab_size()).
  virtual int32_t vocab_size() const = 0;

  // The end-of-document token, if the tokenizer has a known one.
  virtual absl::optional<int32_t> eos_id() const = 0;

  // Equal for two tokenizers that encode and decode alike, and (but for
  // accidents of a 64-bit hash) only for them.
  virtual std::string fingerprint() const = 0;

  std::vector<int32_t> Encode(absl::string_view text) const {
    std::vector<int32_t> ids;
    Encode(text, ids);
    return ids;
  }
};

// The tokenizer in a Hugging Face `tokenizer.json`, or the byte tokenizer for
// the name "bytes". Errors name the file and the JSON field that is damaged or
// asks for something unsupported.
absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTokenizer(
    absl::string_view path_or_bytes);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_TOKENIZER_H_
