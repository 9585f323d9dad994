#include "runtime/data/bpe_tokenizer.h"

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/data/nfc.h"
#include "runtime/data/stable_hash.h"
#include "runtime/data/utf8.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// A worker's cache: about 6 MB when full, and then started afresh. Longer
// pieces than this hardly ever come twice.
constexpr size_t kCachedWords = 1 << 16;
constexpr size_t kCachedWordBytes = 48;

// Longer texts are encoded in parts of this size.
constexpr size_t kPartBytes = size_t{1} << 30;

// No field of the file says which token ends a document; these are the names
// in use, the surest first.
constexpr const char* kEndOfDocumentNames[] = {"<|endoftext|>",
                                               "<|end_of_text|>",
                                               "<｜end▁of▁sentence｜>",
                                               "<eos>",
                                               "</s>",
                                               "[EOS]"};

absl::optional<int32_t> FindEndOfDocument(
    const std::vector<AddedToken>& tokens) {
  for (const absl::string_view name : kEndOfDocumentNames) {
    for (const AddedToken& token : tokens) {
      if (token.content == name) return token.id;
    }
  }
  return absl::nullopt;
}

absl::StatusOr<std::array<int32_t, 256>> ByteIds(const BpeDefinition& d) {
  std::array<int32_t, 256> ids;
  ids.fill(-1);
  for (size_t id = 0; id < d.tokens.size(); ++id) {
    const BpeDefinition::Token& token = d.tokens[id];
    if (token.reachable && token.bytes.size() == 1) {
      ids[static_cast<unsigned char>(token.bytes[0])] =
          static_cast<int32_t>(id);
    }
  }
  const auto missing = std::find(ids.begin(), ids.end(), -1);
  if (missing != ids.end()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("model.vocab: no token for byte 0x%02X; a byte-level "
                        "vocabulary has one for each of the 256",
                        missing - ids.begin()));
  }
  return ids;
}

std::string Fingerprint(const BpeDefinition& d, size_t vocab_size) {
  std::string all = absl::StrCat(d.nfc, d.ignore_merges, "\n");
  for (const BpeDefinition::Token& token : d.tokens) {
    absl::StrAppend(&all, token.reachable, token.bytes.size(), ":",
                    token.bytes);
  }
  for (const BpeMerge& merge : d.merges) {
    absl::StrAppend(&all, merge.left, "+", merge.right, "=", merge.result, ";");
  }
  for (const AddedToken& t : d.added_tokens) {
    absl::StrAppend(&all, t.id, t.lstrip, t.rstrip, t.normalized, t.special);
    absl::StrAppend(&all, t.content.size(), ":", t.content);
  }
  for (const PreTokenizerStep& s : d.pre_tokenizer) {
    absl::StrAppend(&all, s.add_prefix_space, s.keep_matches, s.keep_gaps,
                    s.pattern, "\n");
  }
  return absl::StrFormat("bpe-%d-%016x", vocab_size, StableHash(all));
}

}  // namespace

struct BpeTokenizer::Parts {
  AddedTokens raw_tokens;
  AddedTokens normalized_tokens;
  PreTokenizer pre_tokenizer;
  std::array<int32_t, 256> byte_ids;
};

struct BpeTokenizer::Worker {
  RegexScratch regex;
  BpeMerger::Scratch merger;
  absl::flat_hash_map<std::string, absl::InlinedVector<int32_t, 4>> cache;
};

class BpeTokenizer::Lease {
 public:
  explicit Lease(const BpeTokenizer& tokenizer) : tokenizer_(tokenizer) {
    const std::lock_guard<std::mutex> lock(tokenizer_.pool_mutex_);
    if (tokenizer_.pool_.empty()) {
      worker_ = std::make_unique<Worker>();
      return;
    }
    worker_ = std::move(tokenizer_.pool_.back());
    tokenizer_.pool_.pop_back();
  }
  ~Lease() {
    const std::lock_guard<std::mutex> lock(tokenizer_.pool_mutex_);
    tokenizer_.pool_.push_back(std::move(worker_));
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Worker& worker() { return *worker_; }

 private:
  const BpeTokenizer& tokenizer_;
  std::unique_ptr<Worker> worker_;
};

absl::StatusOr<std::unique_ptr<Tokenizer>> BpeTokenizer::Create(
    const BpeDefinition& definition) {
  std::vector<AddedToken> raw;
  std::vector<AddedToken> normalized;
  for (AddedToken token : definition.added_tokens) {
    if (token.content.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "added_tokens: the token with id ", token.id, " is empty"));
    }
    if (!token.normalized) {
      raw.push_back(std::move(token));
      continue;
    }
    std::string buffer;
    if (definition.nfc)
      token.content = std::string(ToNfc(token.content, buffer));
    normalized.push_back(std::move(token));
  }
  Parts parts;
  COG_ASSIGN_OR_RETURN(parts.raw_tokens, AddedTokens::Create(std::move(raw)));
  COG_ASSIGN_OR_RETURN(parts.normalized_tokens,
                       AddedTokens::Create(std::move(normalized)));
  COG_ASSIGN_OR_RETURN(parts.pre_tokenizer,
                       PreTokenizer::Create(definition.pre_tokenizer));
  COG_ASSIGN_OR_RETURN(parts.byte_ids, ByteIds(definition));
  return std::unique_ptr<Tokenizer>(
      new BpeTokenizer(std::move(parts), definition));
}

BpeTokenizer::BpeTokenizer(Parts parts, const BpeDefinition& definition)
    : raw_tokens_(std::move(parts.raw_tokens)),
      normalized_tokens_(std::move(parts.normalized_tokens)),
      nfc_(definition.nfc),
      pre_tokenizer_(std::move(parts.pre_tokenizer)),
      merger_(parts.byte_ids, definition.merges),
      eos_id_(FindEndOfDocument(definition.added_tokens)) {
  for (const BpeDefinition::Token& token : definition.tokens) {
    if (definition.ignore_merges && token.reachable) {
      whole_pieces_.emplace(token.bytes, static_cast<int32_t>(text_of_.size()));
    }
    text_of_.push_back(token.bytes);
  }
  for (const AddedToken& token : definition.added_tokens) {
    const size_t id = static_cast<size_t>(token.id);
    text_of_.resize(std::max(text_of_.size(), id + 1));
    text_of_[id] = token.content;
  }
  fingerprint_ = Fingerprint(definition, text_of_.size());
}

BpeTokenizer::~BpeTokenizer() = default;

void BpeTokenizer::Encode(absl::string_view text,
                          std::vector<int32_t>& ids) const {
  Lease lease(*this);
  while (!text.empty()) {
    const size_t valid = ValidUtf8Prefix(text.substr(0, kPartBytes));
    EncodeValid(text.substr(0, valid), lease.worker(), ids);
    text.remove_prefix(valid);
    if (valid == 0) {  // no UTF-8: the byte stands alone
      merger_.Merge(text.substr(0, 1), lease.worker().merger, ids);
      text.remove_prefix(1);
    }
  }
}

void BpeTokenizer::EncodeValid(absl::string_view text, Worker& worker,
                               std::vector<int32_t>& ids) const {
  std::string buffer;
  const auto normalized = [&](absl::string_view segment, int32_t id) {
    if (id != AddedTokens::kText) return ids.push_back(id);
    EncodeText(segment, worker, ids);
  };
  const auto raw = [&](absl::string_view segment, int32_t id) {
    if (id != AddedTokens::kText) return ids.push_back(id);
    if (nfc_) segment = ToNfc(segment, buffer);
    normalized_tokens_.ForEachSegment(segment, worker.regex, normalized);
  };
  raw_tokens_.ForEachSegment(text, worker.regex, raw);
}

void BpeTokenizer::EncodeText(absl::string_view text, Worker& worker,
                              std::vector<int32_t>& ids) const {
  pre_tokenizer_.ForEachPiece(text, worker.regex, [&](absl::string_view piece) {
    EncodePiece(piece, worker, ids);
  });
}

void BpeTokenizer::EncodePiece(absl::string_view piece, Worker& worker,
                               std::vector<int32_t>& ids) const {
  const bool cached = piece.size() <= kCachedWordBytes;
  if (cached) {
    const auto found = worker.cache.find(piece);
    if (found != worker.cache.end()) {
      ids.insert(ids.end(), found->second.begin(), found->second.end());
      return;
    }
  }
  const size_t first = ids.size();
  const auto whole = whole_pieces_.find(piece);
  if (whole != whole_pieces_.end()) {
    ids.push_back(whole->second);
  } else {
    merger_.Merge(piece, worker.merger, ids);
  }
  if (!cached) return;
  if (worker.cache.size() == kCachedWords) worker.cache.clear();
  worker.cache.emplace(
      piece, absl::InlinedVector<int32_t, 4>(ids.begin() + first, ids.end()));
}

std::string BpeTokenizer::Decode(absl::Span<const int32_t> ids) const {
  std::string text;
  for (const int32_t id : ids) {
    if (id >= 0 && id < vocab_size()) text += text_of_[id];
  }
  return text;
}

}  // namespace cogdist
