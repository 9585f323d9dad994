// What defines a byte-level BPE tokenizer, as plain data: read from and written
// to `tokenizer.json`, or made by the trainer.

#ifndef COGDIST_RUNTIME_DATA_BPE_DEFINITION_H_
#define COGDIST_RUNTIME_DATA_BPE_DEFINITION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/data/pre_tokenizer.h"

namespace cogdist {

// A token that is found in the text before anything else happens to it.
struct AddedToken {
  int32_t id = 0;
  std::string content;
  // Swallow the white space on this side.
  bool lstrip = false;
  bool rstrip = false;
  // Looked for in the normalised text, after all that are not.
  bool normalized = false;
  // Control tokens; the end-of-document token is one of these.
  bool special = false;
};

struct BpeMerge {
  int32_t left = 0;
  int32_t right = 0;
  int32_t result = 0;
};

struct BpeDefinition {
  // By id. `bytes` of a token that no byte string can become (its name in the
  // file is no byte-level text) is that name, and `reachable` is false; gaps
  // between ids are unreachable and empty.
  struct Token {
    std::string bytes;
    bool reachable = false;
  };
  std::vector<Token> tokens;
  // The earlier one wins.
  std::vector<BpeMerge> merges;
  std::vector<AddedToken> added_tokens;
  std::vector<PreTokenizerStep> pre_tokenizer;
  // Unicode normalisation form C before pre-tokenizing.
  bool nfc = false;
  // A piece that is a token is taken whole, whatever the merges say.
  bool ignore_merges = false;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_BPE_DEFINITION_H_
