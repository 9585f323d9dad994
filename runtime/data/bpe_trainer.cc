#include "runtime/data/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <queue>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "runtime/data/byte_level.h"

namespace cogdist {
namespace {

using Pair = std::pair<int32_t, int32_t>;

std::vector<PreTokenizerStep> TrainedPreTokenizer() {
  return {{.pattern = std::string(kGpt2Pattern)}};
}

// The words as sequences of tokens, the count of each neighbouring pair, and
// for every pair the words that may contain it.
class PairTable {
 public:
  PairTable(const WordCounter& words, const std::array<int32_t, 256>& byte_ids);

  // The most frequent pair and its count, 0 if no pair is left.
  std::pair<Pair, int64_t> Top();
  // Replaces `pair` by `token` in all words.
  void Merge(const Pair& pair, int32_t token);

 private:
  struct Word {
    int64_t count;
    std::vector<int32_t> tokens;
  };
  struct PairInfo {
    int64_t count = 0;
    std::vector<uint32_t> words;
  };
  // A count that was right when it was pushed; counts of pairs only fall
  // while they wait, so a stale one never hides the true maximum.
  struct Candidate {
    int64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  void MergeInWord(uint32_t word, const Pair& pair, int32_t token);
  void Count(const Pair& pair, uint32_t word, int64_t change);

  std::vector<Word> words_;
  absl::flat_hash_map<Pair, PairInfo> pairs_;
  std::vector<Pair> grown_;  // pairs whose count a merge raised
  std::priority_queue<Candidate> queue_;
};

PairTable::PairTable(const WordCounter& words,
                     const std::array<int32_t, 256>& byte_ids) {
  for (const auto& [text, count] : words.counts()) {
    Word& word = words_.emplace_back(Word{count, {}});
    for (const unsigned char byte : text) {
      word.tokens.push_back(byte_ids[byte]);
    }
    const auto index = static_cast<uint32_t>(words_.size() - 1);
    for (size_t i = 0; i + 1 < word.tokens.size(); ++i) {
      Count({word.tokens[i], word.tokens[i + 1]}, index, count);
    }
  }
  for (const auto& [pair, info] : pairs_) queue_.push({info.count, pair});
}

void PairTable::Count(const Pair& pair, uint32_t word, int64_t change) {
  PairInfo& info = pairs_[pair];
  info.count += change;
  if (change > 0 && (info.words.empty() || info.words.back() != word)) {
    info.words.push_back(word);
  }
}

std::pair<Pair, int64_t> PairTable::Top() {
  while (!queue_.empty()) {
    const Candidate top = queue_.top();
    const int64_t count = pairs_[top.pair].count;
    if (count == top.count && count > 0) return {top.pair, count};
    queue_.pop();
    if (count > 0) queue_.push({count, top.pair});
  }
  return {{}, 0};
}

void PairTable::MergeInWord(uint32_t index, const Pair& pair, int32_t token) {
  Word& word = words_[index];
  std::vector<int32_t>& tokens = word.tokens;
  const auto raise = [&](const Pair& p) {
    Count(p, index, word.count);
    grown_.push_back(p);
  };
  size_t out = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] != pair.first || i + 1 == tokens.size() ||
        tokens[i + 1] != pair.second) {
      tokens[out++] = tokens[i];
      continue;
    }
    if (out > 0) {
      Count({tokens[out - 1], pair.first}, index, -word.count);
      raise({tokens[out - 1], token});
    }
    if (i + 2 < tokens.size()) {
      Count({pair.second, tokens[i + 2]}, index, -word.count);
      raise({token, tokens[i + 2]});
    }
    tokens[out++] = token;
    ++i;
  }
  tokens.resize(out);
}

void PairTable::Merge(const Pair& pair, int32_t token) {
  const std::vector<uint32_t> words = std::move(pairs_[pair].words);
  grown_.clear();
  for (const uint32_t word : words) MergeInWord(word, pair, token);
  pairs_.erase(pair);
  std::sort(grown_.begin(), grown_.end());
  grown_.erase(std::unique(grown_.begin(), grown_.end()), grown_.end());
  for (const Pair& p : grown_) {
    const auto found = pairs_.find(p);
    if (found != pairs_.end()) queue_.push({found->second.count, p});
  }
}

// The vocabulary before any merge. Fills in the token of each byte.
BpeDefinition Alphabet(std::array<int32_t, 256>& byte_ids) {
  BpeDefinition d;
  d.pre_tokenizer = TrainedPreTokenizer();
  d.added_tokens.push_back(
      {.id = 0, .content = std::string(kEndOfText), .special = true});
  d.tokens.push_back({std::string(kEndOfText), true});
  std::vector<std::pair<uint32_t, int>> order;
  for (const uint32_t character : ByteLevelAlphabet()) {
    order.emplace_back(character, static_cast<int>(order.size()));
  }
  std::sort(order.begin(), order.end());
  for (const auto& [character, byte] : order) {
    byte_ids[byte] = static_cast<int32_t>(d.tokens.size());
    d.tokens.push_back({std::string(1, static_cast<char>(byte)), true});
  }
  return d;
}

}  // namespace

WordCounter::WordCounter() {
  auto pre_tokenizer = PreTokenizer::Create(TrainedPreTokenizer());
  COG_CHECK_OK(pre_tokenizer.status());
  pre_tokenizer_ = *std::move(pre_tokenizer);
}

void WordCounter::Add(absl::string_view text) {
  pre_tokenizer_.ForEachPiece(text, scratch_, [this](absl::string_view piece) {
    auto found = counts_.find(piece);
    if (found == counts_.end()) found = counts_.emplace(piece, 0).first;
    ++found->second;
  });
}

void WordCounter::Merge(const WordCounter& other) {
  for (const auto& [word, count] : other.counts_) counts_[word] += count;
}

absl::StatusOr<BpeDefinition> TrainBpe(const WordCounter& words,
                                       const BpeTrainerOptions& options) {
  std::array<int32_t, 256> byte_ids;
  BpeDefinition d = Alphabet(byte_ids);
  const size_t vocab_size = static_cast<size_t>(options.vocab_size);
  if (options.vocab_size < 0 || vocab_size < d.tokens.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a byte-level vocabulary has at least ", d.tokens.size(),
        " tokens (the bytes and ", kEndOfText, "), not ", options.vocab_size));
  }
  // Two pairs can spell the same token.
  absl::flat_hash_map<std::string, int32_t> ids;
  PairTable table(words, byte_ids);
  while (d.tokens.size() < vocab_size) {
    const auto [pair, count] = table.Top();
    if (count == 0 || count < options.min_frequency) break;
    const std::string bytes =
        d.tokens[pair.first].bytes + d.tokens[pair.second].bytes;
    const auto [id, is_new] =
        ids.emplace(bytes, static_cast<int32_t>(d.tokens.size()));
    if (is_new) d.tokens.push_back({bytes, true});
    d.merges.push_back({pair.first, pair.second, id->second});
    table.Merge(pair, id->second);
  }
  return d;
}

}  // namespace cogdist
