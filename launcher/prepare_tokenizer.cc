#include "launcher/prepare_tokenizer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/document_batch.h"
#include "launcher/prepare_progress.h"
#include "launcher/run_in_order.h"
#include "runtime/data/bpe_tokenizer.h"
#include "runtime/data/bpe_trainer.h"
#include "runtime/data/tokenizer_json.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// The words of the documents that are not held out, or of a sample of them.
absl::StatusOr<WordCounter> CountWords(const PrepareOptions& options,
                                       std::FILE* log) {
  COG_ASSIGN_OR_RETURN(TextReader reader, TextReader::Open(options.input));
  const double sample =
      std::min(1.0, static_cast<double>(kMaxTrainBpeBytes) /
                        static_cast<double>(reader.total_bytes()));
  std::vector<WordCounter> counters(static_cast<size_t>(options.threads));
  PrepareProgress progress("counting words", reader.total_bytes(), log);
  const auto read = [&](DocumentBatch& batch) {
    return ReadBatch(reader, batch);
  };
  const auto count = [&](int thread, DocumentBatch& batch) -> absl::Status {
    std::string buffer;
    for (const RawDocument& document : batch.documents) {
      COG_ASSIGN_OR_RETURN(const absl::string_view text,
                           reader.Text(document, buffer));
      if (IsHeldOut(text, options.validation_fraction)) continue;
      if (IsSampled(text, sample)) {
        counters[static_cast<size_t>(thread)].Add(text);
      }
    }
    return absl::OkStatus();
  };
  const auto report = [&](DocumentBatch& batch) {
    progress.Add(static_cast<int64_t>(batch.documents.size()), batch.raw_bytes,
                 0);
    return absl::OkStatus();
  };
  COG_RETURN_IF_ERROR(RunInOrder<DocumentBatch>(
      options.threads, {.read = read, .work = count, .write = report}));
  progress.Finish();
  for (size_t i = 1; i < counters.size(); ++i) counters[0].Merge(counters[i]);
  return std::move(counters[0]);
}

absl::StatusOr<PreparedTokenizer> Train(const PrepareOptions& options,
                                        std::FILE* log) {
  COG_ASSIGN_OR_RETURN(const WordCounter words, CountWords(options, log));
  COG_ASSIGN_OR_RETURN(
      const BpeDefinition definition,
      TrainBpe(words, {.vocab_size = static_cast<int32_t>(options.train_bpe)}));
  const auto size = static_cast<int64_t>(definition.tokens.size());
  absl::FPrintF(log, "trained a vocabulary of %d tokens on %d words\n", size,
                words.counts().size());
  if (size < options.train_bpe) {
    absl::FPrintF(log,
                  "  fewer than the %d asked for: no other pair occurs twice "
                  "in the text\n",
                  options.train_bpe);
  }
  PreparedTokenizer result;
  result.json = FormatTokenizerJson(definition);
  COG_ASSIGN_OR_RETURN(result.tokenizer, BpeTokenizer::Create(definition));
  return result;
}

// Which token ends a document.
absl::StatusOr<int32_t> EndOfDocument(const Tokenizer& tokenizer,
                                      const std::string& eos_token) {
  if (eos_token.empty()) {
    if (tokenizer.eos_id().has_value()) return *tokenizer.eos_id();
    return absl::InvalidArgumentError(
        "--eos_token: the tokenizer has no end-of-document token with a known "
        "name; say which of its tokens ends a document");
  }
  const std::vector<int32_t> ids = tokenizer.Encode(eos_token);
  if (ids.size() == 1) return ids[0];
  return absl::InvalidArgumentError(absl::StrCat(
      "--eos_token: \"", eos_token, "\" is ", ids.size(),
      " tokens; name a special token of the tokenizer, e.g. <|endoftext|>"));
}

}  // namespace

absl::StatusOr<PreparedTokenizer> MakeTokenizer(const PrepareOptions& options,
                                                std::FILE* log) {
  PreparedTokenizer result;
  if (options.train_bpe > 0) {
    COG_ASSIGN_OR_RETURN(result, Train(options, log));
  } else {
    COG_ASSIGN_OR_RETURN(result.tokenizer, LoadTokenizer(options.tokenizer));
  }
  COG_ASSIGN_OR_RETURN(result.eos_id,
                       EndOfDocument(*result.tokenizer, options.eos_token));
  return result;
}

}  // namespace cogdist
