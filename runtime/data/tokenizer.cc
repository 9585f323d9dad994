#include "runtime/data/tokenizer.h"

#include "absl/strings/str_cat.h"
#include "runtime/data/bpe_tokenizer.h"
#include "runtime/data/byte_tokenizer.h"
#include "runtime/data/tokenizer_json.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTokenizer(
    absl::string_view path_or_bytes) {
  if (path_or_bytes == "bytes") return std::make_unique<ByteTokenizer>();
  COG_ASSIGN_OR_RETURN(const BpeDefinition definition,
                       ReadTokenizerJson(path_or_bytes));
  auto tokenizer = BpeTokenizer::Create(definition);
  if (!tokenizer.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_or_bytes, ": ", tokenizer.status().message()));
  }
  return *std::move(tokenizer);
}

}  // namespace cogdist
