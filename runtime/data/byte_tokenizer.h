// The tokenizer that needs no file: a token is a byte.

#ifndef COGDIST_RUNTIME_DATA_BYTE_TOKENIZER_H_
#define COGDIST_RUNTIME_DATA_BYTE_TOKENIZER_H_

#include "runtime/data/tokenizer.h"

namespace cogdist {

// Ids 0 to 255 are bytes, 256 is the end of a document.
class ByteTokenizer final : public Tokenizer {
 public:
  static constexpr int32_t kEndOfDocument = 256;

  using Tokenizer::Encode;
  void Encode(absl::string_view text, std::vector<int32_t>& ids) const override;
  // The end-of-document token is no text and decodes to nothing.
  std::string Decode(absl::Span<const int32_t> ids) const override;
  int32_t vocab_size() const override { return 257; }
  absl::optional<int32_t> eos_id() const override { return kEndOfDocument; }
  std::string fingerprint() const override { return "bytes"; }
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_BYTE_TOKENIZER_H_
