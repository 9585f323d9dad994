// Byte-level BPE, with the ids of Hugging Face Tokenizers.

#ifndef COGDIST_RUNTIME_DATA_BPE_TOKENIZER_H_
#define COGDIST_RUNTIME_DATA_BPE_TOKENIZER_H_

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "runtime/data/added_tokens.h"
#include "runtime/data/bpe_definition.h"
#include "runtime/data/bpe_merger.h"
#include "runtime/data/pre_tokenizer.h"
#include "runtime/data/tokenizer.h"

namespace cogdist {

// Encoding goes: added tokens are cut out, the rest is normalised, cut into
// pieces and merged. Working memory, with a cache of the words seen, comes
// from a pool that grows to the number of threads that encode at once.
class BpeTokenizer final : public Tokenizer {
 public:
  // An error says which part of `definition` is wrong.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> Create(
      const BpeDefinition& definition);
  ~BpeTokenizer() override;

  using Tokenizer::Encode;
  void Encode(absl::string_view text, std::vector<int32_t>& ids) const override;
  std::string Decode(absl::Span<const int32_t> ids) const override;
  int32_t vocab_size() const override {
    return static_cast<int32_t>(text_of_.size());
  }
  absl::optional<int32_t> eos_id() const override { return eos_id_; }
  std::string fingerprint() const override { return fingerprint_; }

 private:
  struct Parts;
  struct Worker;  // what one thread encodes with
  // Takes a worker out of the pool, and puts it back.
  class Lease;

  BpeTokenizer(Parts parts, const BpeDefinition& definition);

  void EncodeValid(absl::string_view text, Worker& worker,
                   std::vector<int32_t>& ids) const;
  void EncodeText(absl::string_view text, Worker& worker,
                  std::vector<int32_t>& ids) const;
  void EncodePiece(absl::string_view piece, Worker& worker,
                   std::vector<int32_t>& ids) const;

  AddedTokens raw_tokens_;         // found in the text as it is
  AddedTokens normalized_tokens_;  // found after normalising
  bool nfc_;
  PreTokenizer pre_tokenizer_;
  absl::flat_hash_map<std::string, int32_t> whole_pieces_;  // ignore_merges
  BpeMerger merger_;
  std::vector<std::string> text_of_;  // by id
  absl::optional<int32_t> eos_id_;
  std::string fingerprint_;

  mutable std::mutex pool_mutex_;
  mutable std::vector<std::unique_ptr<Worker>> pool_;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_BPE_TOKENIZER_H_
