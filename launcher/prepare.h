// `cogdist prepare`: raw text to training datasets.

#ifndef COGDIST_LAUNCHER_PREPARE_H_
#define COGDIST_LAUNCHER_PREPARE_H_

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "runtime/data/text_reader.h"

namespace cogdist {

struct PrepareOptions {
  TextReaderOptions input;
  // Datasets are written to OUTPUT.bin, .idx and .meta.json, or, with a
  // validation split, to OUTPUT_train.* and OUTPUT_validation.*. A missing
  // folder is made.
  std::string output;
  // Exactly one of these: a tokenizer.json or "bytes"; or the size of a
  // vocabulary to train, which is written to OUTPUT_tokenizer.json.
  std::string tokenizer;
  int64_t train_bpe = 0;
  // The token that ends each document; empty: the tokenizer's own.
  std::string eos_token;
  // Expected share of the documents to hold out, in [0, 1). Which ones depends
  // on their text alone: adding files moves none, and equal documents stay
  // together.
  double validation_fraction = 0;
  // Recorded with the data. An empty source becomes the names of the files.
  std::string source;
  std::string license;
  int threads = 0;  // 0: one for each core
};

// The tokenizer is trained on at most about this much text: of larger corpora,
// on a share of the documents chosen by hash.
inline constexpr int64_t kMaxTrainBpeBytes = int64_t{1} << 30;

// Writes the datasets and reports progress and counts to `log`. The outputs
// depend on the documents and options, not on `threads`. Memory: a few
// documents for each thread, 4 bytes for every document, and, while training a
// tokenizer, the different words. Held-out documents do not train the
// tokenizer. Each output file appears whole, after everything has succeeded; on
// an error there is none. Bad options and damaged input are InvalidArgument
// errors.
absl::Status Prepare(const PrepareOptions& options, std::FILE* log);

// `prepare --verify`: reads a whole dataset, checks it and prints its counts.
absl::Status VerifyPrepared(absl::string_view prefix, std::FILE* log);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_PREPARE_H_
