#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/data/bpe_merger.h"
#include "runtime/data/bpe_tokenizer.h"
#include "runtime/data/bpe_trainer.h"
#include "runtime/data/byte_tokenizer.h"
#include "runtime/data/tokenizer_json.h"
#include "runtime/data/utf8.h"
#include "runtime/rng.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

BpeDefinition Trained(absl::string_view text, int32_t vocab_size) {
  WordCounter words;
  words.Add(text);
  return TrainBpe(words, {.vocab_size = vocab_size}).value();
}

std::unique_ptr<Tokenizer> Create(const BpeDefinition& definition) {
  return BpeTokenizer::Create(definition).value();
}

// The definition of BPE, in quadratic time: look for the earliest merge that
// applies, do it at its leftmost place, start again.
std::vector<int32_t> SlowMerge(std::vector<int32_t> ids,
                               const std::vector<BpeMerge>& merges) {
  for (;;) {
    const auto applies = [&](size_t i, const BpeMerge& merge) {
      return ids[i] == merge.left && ids[i + 1] == merge.right;
    };
    size_t best_rank = merges.size();
    size_t best = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      for (size_t rank = 0; rank < best_rank; ++rank) {
        if (!applies(i, merges[rank])) continue;
        best_rank = rank;
        best = i;
      }
    }
    if (best_rank == merges.size()) return ids;
    ids[best] = merges[best_rank].result;
    ids.erase(ids.begin() + static_cast<int64_t>(best) + 1);
  }
}

TEST(BpeMerger, AgreesWithTheDefinition) {
  // Random merges over the letters a to d, so that they overlap and compete.
  const Rng rng(7, "merges");
  uint64_t n = 0;
  std::array<int32_t, 256> byte_ids;
  for (int i = 0; i < 256; ++i) byte_ids[i] = i;
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<int32_t> tokens = {'a', 'b', 'c', 'd'};
    std::vector<BpeMerge> merges;
    for (int32_t id = 256; id < 290; ++id) {
      merges.push_back({tokens[rng.Below(tokens.size(), ++n)],
                        tokens[rng.Below(tokens.size(), ++n)], id});
      bool known = false;
      for (size_t i = 0; i + 1 < merges.size(); ++i) {
        known |= merges[i].left == merges.back().left &&
                 merges[i].right == merges.back().right;
      }
      if (known) {
        merges.pop_back();
      } else {
        tokens.push_back(id);
      }
    }
    const BpeMerger merger(byte_ids, merges);
    BpeMerger::Scratch scratch;
    std::string piece(rng.Below(60, ++n), 'a');
    for (char& c : piece) c = static_cast<char>('a' + rng.Below(4, ++n));
    std::vector<int32_t> ids;
    merger.Merge(piece, scratch, ids);
    EXPECT_EQ(ids, SlowMerge({piece.begin(), piece.end()}, merges)) << piece;
  }
}

TEST(BpeTokenizer, MergesByHand) {
  // "abab" 2, "abc" 2: ab first, then a tie of (ab, ab) and (ab, c), which the
  // smaller id of c (68 is below the new tokens') decides.
  const BpeDefinition d = Trained("abab,abab,abc,abc", 260);
  const auto tokenizer = Create(d);
  const int32_t a = tokenizer->Encode("a")[0];
  EXPECT_THAT(tokenizer->Encode("ab"), ElementsAre(257));
  EXPECT_THAT(tokenizer->Encode("abc"), ElementsAre(258));
  EXPECT_THAT(tokenizer->Encode("abab"), ElementsAre(259));
  EXPECT_THAT(tokenizer->Encode("aababa"), ElementsAre(a, 259, a));
}

TEST(BpeTokenizer, SpecialTokens) {
  const auto tokenizer = Create(Trained("", 257));
  EXPECT_EQ(tokenizer->vocab_size(), 257);
  EXPECT_EQ(tokenizer->eos_id(), 0);
  const std::vector<int32_t> ids = tokenizer->Encode("a<|endoftext|>b");
  ASSERT_EQ(ids.size(), 3);
  EXPECT_EQ(ids[1], 0);
  EXPECT_EQ(tokenizer->Decode(ids), "a<|endoftext|>b");
  EXPECT_EQ(tokenizer->Encode("<|endoftext|").size(), 12);
}

TEST(BpeTokenizer, IdsWithoutATokenDecodeToNothing) {
  const auto tokenizer = Create(Trained("", 257));
  EXPECT_EQ(tokenizer->Decode({-1, 257, 1 << 30}), "");
}

TEST(BpeTokenizer, AnyBytesComeBack) {
  const auto tokenizer = Create(Trained("the cat and the hat", 265));
  const ByteTokenizer bytes;
  const Rng rng(3, "bytes");
  uint64_t n = 0;
  for (int trial = 0; trial < 300; ++trial) {
    std::string text(rng.Below(40, ++n), '\0');
    for (char& c : text) c = static_cast<char>(rng.Below(256, ++n));
    text += " the \xE2\x82";  // and a cut character
    EXPECT_EQ(tokenizer->Decode(tokenizer->Encode(text)), text);
    EXPECT_EQ(bytes.Decode(bytes.Encode(text)), text);
  }
}

TEST(BpeTokenizer, AnyUnicodeComesBack) {
  const auto tokenizer = Create(Trained("größer größer 漢字 漢字", 270));
  const Rng rng(4, "unicode");
  uint64_t n = 0;
  for (int trial = 0; trial < 300; ++trial) {
    std::string text;
    for (int i = 0; i < 30; ++i) {
      const uint64_t limit = trial % 2 == 0 ? 0x800 : 0x110000;
      const auto c = static_cast<uint32_t>(rng.Below(limit, ++n));
      if (c < 0xD800 || c > 0xDFFF) AppendUtf8(c, text);
    }
    EXPECT_EQ(tokenizer->Decode(tokenizer->Encode(text)), text);
  }
}

TEST(BpeTokenizer, VeryLongWord) {
  const auto tokenizer = Create(Trained("aaaa aaaa aaaa", 260));
  const std::string text(1 << 20, 'a');
  EXPECT_EQ(tokenizer->Decode(tokenizer->Encode(text)), text);
}

TEST(BpeTokenizer, FingerprintFollowsTheBehaviour) {
  const BpeDefinition d = Trained("the cat sat on the mat", 262);
  const std::string fingerprint = Create(d)->fingerprint();
  EXPECT_THAT(fingerprint, HasSubstr("bpe-"));
  EXPECT_EQ(fingerprint, Create(d)->fingerprint());

  BpeDefinition other = d;
  std::swap(other.merges[0], other.merges[1]);
  EXPECT_NE(fingerprint, Create(other)->fingerprint());
  other = d;
  other.nfc = true;
  EXPECT_NE(fingerprint, Create(other)->fingerprint());
  other = d;
  other.pre_tokenizer[0].add_prefix_space = true;
  EXPECT_NE(fingerprint, Create(other)->fingerprint());
  other = d;
  other.added_tokens[0].content = "<eos>";
  EXPECT_NE(fingerprint, Create(other)->fingerprint());
}

TEST(BpeTrainer, StopsWhenNoPairIsFrequent) {
  EXPECT_EQ(Trained("abcdef", 1000).merges.size(), 0);
  EXPECT_EQ(Trained("ab ab", 1000).tokens.size(), 258);
}

TEST(BpeTrainer, RefusesAVocabularyWithoutRoomForTheBytes) {
  const auto d = TrainBpe(WordCounter(), {.vocab_size = 256});
  EXPECT_THAT(d.status().message(), HasSubstr("at least 257"));
  EXPECT_FALSE(TrainBpe(WordCounter(), {.vocab_size = -1}).ok());
}

TEST(BpeTrainer, SplittingTheCountChangesNothing) {
  const std::string text = "she sells sea shells by the sea shore ";
  WordCounter whole;
  whole.Add(text);
  whole.Add("the shells she sells");
  WordCounter first, second;
  second.Add("the shells she sells");
  first.Add(text);
  second.Merge(first);
  EXPECT_EQ(whole.counts(), second.counts());
  EXPECT_EQ(FormatTokenizerJson(TrainBpe(whole, {.vocab_size = 280}).value()),
            FormatTokenizerJson(TrainBpe(second, {.vocab_size = 280}).value()));
}

TEST(BpeTrainer, NoTokenReachesAcrossWords) {
  const BpeDefinition d = Trained("on the mat on the mat on the mat", 300);
  for (const BpeDefinition::Token& token : d.tokens) {
    EXPECT_THAT(token.bytes.substr(1), Not(HasSubstr(" "))) << token.bytes;
  }
}

}  // namespace
}  // namespace cogdist
