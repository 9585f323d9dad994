// Training a byte-level BPE tokenizer (Sennrich et al. 2016, over bytes as in
// GPT-2): the most frequent pair of neighbouring tokens becomes a token, until
// the vocabulary is full.

#ifndef COGDIST_RUNTIME_DATA_BPE_TRAINER_H_
#define COGDIST_RUNTIME_DATA_BPE_TRAINER_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/data/bpe_definition.h"

namespace cogdist {

// How often each piece of text occurs. Memory grows with the number of
// different pieces, not with the text. One per thread, then merged.
class WordCounter {
 public:
  WordCounter();

  // REQUIRES: `text` is valid UTF-8.
  void Add(absl::string_view text);
  void Merge(const WordCounter& other);

  const absl::flat_hash_map<std::string, int64_t>& counts() const {
    return counts_;
  }

 private:
  PreTokenizer pre_tokenizer_;
  RegexScratch scratch_;
  absl::flat_hash_map<std::string, int64_t> counts_;
};

struct BpeTrainerOptions {
  // With the special token and the 256 bytes, so at least 257.
  int32_t vocab_size = 0;
  // Pairs seen less often are not merged; the vocabulary then ends early.
  int64_t min_frequency = 2;
};

// The end-of-document token, the first of the vocabulary.
inline constexpr absl::string_view kEndOfText = "<|endoftext|>";

// Ids: kEndOfText, the bytes in the order of their byte-level characters, the
// merges. Ties go to the pair with the smaller ids, so the result depends on
// the counts alone, and it is what Hugging Face's BpeTrainer gives for the same
// text, vocabulary size and minimal frequency.
absl::StatusOr<BpeDefinition> TrainBpe(const WordCounter& words,
                                       const BpeTrainerOptions& options);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_BPE_TRAINER_H_
