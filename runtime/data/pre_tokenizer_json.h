// The `pre_tokenizer` field of `tokenizer.json`.

#ifndef COGDIST_RUNTIME_DATA_PRE_TOKENIZER_JSON_H_
#define COGDIST_RUNTIME_DATA_PRE_TOKENIZER_JSON_H_

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/data/pre_tokenizer.h"

namespace cogdist {

// The steps of `field`: ByteLevel, or a Sequence that ends in it and has Split
// (behaviours Isolated and Removed) and Digits before. Errors name the field
// and what is supported.
absl::StatusOr<std::vector<PreTokenizerStep>> ParsePreTokenizer(
    const nlohmann::json& field);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_PRE_TOKENIZER_JSON_H_
