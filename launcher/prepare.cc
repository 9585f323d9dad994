#include "launcher/prepare.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/types/optional.h"
#include "launcher/document_batch.h"
#include "launcher/prepare_progress.h"
#include "launcher/prepare_tokenizer.h"
#include "launcher/run_in_order.h"
#include "runtime/data/indexed_dataset.h"
#include "runtime/data/indexed_dataset_writer.h"
#include "runtime/file.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

constexpr int64_t kMaxVocabulary = 1'000'000;

absl::Status CheckOptions(const PrepareOptions& options) {
  const auto bad = [](auto... message) {
    return absl::InvalidArgumentError(absl::StrCat(message...));
  };
  if (options.output.empty() || options.output.back() == '/') {
    return bad("--output: name the datasets, e.g. --output data/corpus");
  }
  if (options.tokenizer.empty() == (options.train_bpe == 0)) {
    return bad(
        "give one of --tokenizer (a tokenizer.json, or bytes) and --train_bpe "
        "(the size of the vocabulary to train)");
  }
  if (options.train_bpe != 0 &&
      (options.train_bpe < 257 || options.train_bpe > kMaxVocabulary)) {
    return bad("--train_bpe: ", options.train_bpe,
               " is out of range; a vocabulary is the 256 bytes, the "
               "end-of-document token and the merges: 257 to ",
               kMaxVocabulary, " tokens");
  }
  // Not a number fails this too.
  if (!(options.validation_fraction >= 0 && options.validation_fraction < 1)) {
    return bad("--validation_fraction: ", options.validation_fraction,
               " is out of range; it is at least 0 and below 1");
  }
  if (options.threads < 0) return bad("--threads: must not be negative");
  return absl::OkStatus();
}

// One of the datasets.
class Split {
 public:
  Split(std::string prefix, int64_t vocab_size)
      : prefix_(std::move(prefix)), vocab_size_(vocab_size) {}

  absl::Status Create() {
    COG_ASSIGN_OR_RETURN(IndexedDatasetWriter writer,
                         IndexedDatasetWriter::Create(prefix_, vocab_size_));
    writer_.emplace(std::move(writer));
    return absl::OkStatus();
  }

  absl::Status Add(absl::Span<const int32_t> tokens, int64_t text_bytes) {
    text_bytes_ += text_bytes;
    ++documents_;
    return writer_->AddDocument(tokens);
  }

  // `meta` as IndexedDatasetWriter::Finish() wants it, but for text_bytes.
  absl::Status Finish(DatasetMeta meta, std::FILE* log) {
    meta.text_bytes = text_bytes_;
    COG_ASSIGN_OR_RETURN(meta, writer_->Finish(std::move(meta)));
    absl::FPrintF(log, "%s: %d documents, %d bytes of text, %d tokens%s\n",
                  prefix_, meta.documents, meta.text_bytes, meta.tokens,
                  absl::StrFormat(" (%.3f bytes a token)",
                                  static_cast<double>(meta.text_bytes) /
                                      static_cast<double>(meta.tokens)));
    return absl::OkStatus();
  }

  int64_t documents() const { return documents_; }

 private:
  std::string prefix_;
  int64_t vocab_size_;
  absl::optional<IndexedDatasetWriter> writer_;
  int64_t text_bytes_ = 0;
  int64_t documents_ = 0;
};

// A batch with its tokens: those of document i end at encoded[i].end.
struct EncodedBatch : DocumentBatch {
  struct Document {
    size_t end = 0;  // in `tokens`
    int64_t text_bytes = 0;
    bool held_out = false;
  };
  std::vector<Document> encoded;
  std::vector<int32_t> tokens;
};

absl::Status EncodeBatch(const TextReader& reader,
                         const PreparedTokenizer& tokenizer,
                         double validation_fraction, EncodedBatch& batch) {
  std::string buffer;
  for (const RawDocument& document : batch.documents) {
    COG_ASSIGN_OR_RETURN(const absl::string_view text,
                         reader.Text(document, buffer));
    if (text.empty()) continue;
    tokenizer.tokenizer->Encode(text, batch.tokens);
    batch.tokens.push_back(tokenizer.eos_id);
    batch.encoded.push_back({.end = batch.tokens.size(),
                             .text_bytes = static_cast<int64_t>(text.size()),
                             .held_out = IsHeldOut(text, validation_fraction)});
  }
  return absl::OkStatus();
}

absl::Status WriteBatch(const EncodedBatch& batch, Split& train,
                        Split& validation) {
  size_t begin = 0;
  for (const EncodedBatch::Document& document : batch.encoded) {
    Split& split = document.held_out ? validation : train;
    COG_RETURN_IF_ERROR(split.Add(
        absl::MakeConstSpan(batch.tokens).subspan(begin, document.end - begin),
        document.text_bytes));
    begin = document.end;
  }
  return absl::OkStatus();
}

absl::Status EncodeAll(const PrepareOptions& options,
                       const PreparedTokenizer& tokenizer, Split& train,
                       Split& validation, std::FILE* log) {
  COG_ASSIGN_OR_RETURN(TextReader reader, TextReader::Open(options.input));
  PrepareProgress progress("encoding", reader.total_bytes(), log);
  const auto read = [&](EncodedBatch& batch) {
    return ReadBatch(reader, batch);
  };
  const auto encode = [&](int, EncodedBatch& batch) {
    return EncodeBatch(reader, tokenizer, options.validation_fraction, batch);
  };
  const auto write = [&](EncodedBatch& batch) {
    progress.Add(static_cast<int64_t>(batch.encoded.size()), batch.raw_bytes,
                 static_cast<int64_t>(batch.tokens.size()));
    return WriteBatch(batch, train, validation);
  };
  COG_RETURN_IF_ERROR(RunInOrder<EncodedBatch>(
      options.threads, {.read = read, .work = encode, .write = write}));
  progress.Finish();
  return absl::OkStatus();
}

absl::Status CheckSplits(const PrepareOptions& options, const Split& train,
                         const Split& validation) {
  const int64_t documents = train.documents() + validation.documents();
  if (documents == 0) {
    return absl::InvalidArgumentError(
        "the input has no documents with any text");
  }
  const bool no_validation =
      options.validation_fraction > 0 && validation.documents() == 0;
  if (train.documents() > 0 && !no_validation) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "--validation_fraction: of ", documents, " documents ",
      no_validation ? "none is held out" : "all are held out",
      "; choose another fraction, or give more documents (a text file is one, "
      "unless --document_separator divides it)"));
}

// The names of the files, or of the first few.
std::string DefaultSource(const std::vector<std::string>& files) {
  constexpr size_t kShown = 5;
  const auto end =
      files.begin() + static_cast<int64_t>(std::min(kShown, files.size()));
  std::string source = absl::StrJoin(files.begin(), end, ", ");
  if (files.size() > kShown) {
    absl::StrAppend(&source, " and ", files.size() - kShown, " more");
  }
  return source;
}

absl::Status CreateFolderOf(const std::string& prefix) {
  const size_t slash = prefix.rfind('/');
  if (slash == prefix.npos || slash == 0) return absl::OkStatus();
  return CreateDirectories(prefix.substr(0, slash));
}

}  // namespace

absl::Status Prepare(const PrepareOptions& requested, std::FILE* log) {
  COG_RETURN_IF_ERROR(CheckOptions(requested));
  PrepareOptions options = requested;
  if (options.threads == 0) {
    options.threads =
        static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  }
  COG_ASSIGN_OR_RETURN(const PreparedTokenizer tokenizer,
                       MakeTokenizer(options, log));

  const bool has_validation = options.validation_fraction > 0;
  const int64_t vocab_size = tokenizer.tokenizer->vocab_size();
  Split train(options.output + (has_validation ? "_train" : ""), vocab_size);
  Split validation(options.output + "_validation", vocab_size);
  COG_RETURN_IF_ERROR(CreateFolderOf(options.output));
  COG_RETURN_IF_ERROR(train.Create());
  if (has_validation) COG_RETURN_IF_ERROR(validation.Create());
  COG_RETURN_IF_ERROR(EncodeAll(options, tokenizer, train, validation, log));
  COG_RETURN_IF_ERROR(CheckSplits(options, train, validation));

  const DatasetMeta meta = {.tokenizer = tokenizer.tokenizer->fingerprint(),
                            .source = options.source.empty()
                                          ? DefaultSource(options.input.files)
                                          : options.source,
                            .license = options.license,
                            .eos_token_id = tokenizer.eos_id};
  if (!tokenizer.json.empty()) {
    COG_RETURN_IF_ERROR(WriteFileAtomically(options.output + "_tokenizer.json",
                                            tokenizer.json));
  }
  if (has_validation) COG_RETURN_IF_ERROR(validation.Finish(meta, log));
  return train.Finish(meta, log);
}

absl::Status VerifyPrepared(absl::string_view prefix, std::FILE* log) {
  COG_ASSIGN_OR_RETURN(const DatasetMeta meta, VerifyDataset(prefix));
  absl::FPrintF(log,
                "%s is in order: %d documents, %d tokens, largest id %d, "
                "CRC-32C %08x\n",
                prefix, meta.documents, meta.tokens, meta.largest_token_id,
                meta.crc32c);
  return absl::OkStatus();
}

}  // namespace cogdist
