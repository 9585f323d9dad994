// Documents out of text files and JSON Lines.

#ifndef COGDIST_RUNTIME_DATA_TEXT_READER_H_
#define COGDIST_RUNTIME_DATA_TEXT_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/file.h"

namespace cogdist {

struct TextReaderOptions {
  // Names that end in .jsonl, .ndjson or .json hold one JSON object a line,
  // each a document; any other file is text.
  std::vector<std::string> files;
  // The field of a JSON object that holds the text, a string.
  std::string json_field = "text";
  // If not empty: lines of text files that are exactly this separate
  // documents. Else each text file is one document.
  std::string document_separator;
};

// A document as it lies in its file, not checked yet.
struct RawDocument {
  absl::string_view bytes;
  std::shared_ptr<const MappedFile> file;  // keeps `bytes` alive
  size_t file_index = 0;                   // in TextReaderOptions::files
  int64_t line = 0;                        // where it begins, from 1
};

// Finding documents is fast and goes in order, so it is separate from parsing
// them, which threads can share. Files are mapped, one at a time; they must
// keep their length meanwhile. All errors are InvalidArgument or NotFound and
// begin with "FILE:" or "FILE:LINE:".
class TextReader {
 public:
  // Looks at every file: one that is missing, unreadable or empty is an error.
  static absl::StatusOr<TextReader> Open(TextReaderOptions options);

  // Finds the next document; false after the last. Blank lines of JSON files
  // are none, and a file without any document is an error. One thread at a
  // time. After an error it must not be called again.
  absl::StatusOr<bool> Next(RawDocument& document);

  // The document's text, valid UTF-8 without a byte-order mark; it may be
  // empty. A view of the file, or of `buffer`. Any number of threads.
  absl::StatusOr<absl::string_view> Text(const RawDocument& document,
                                         std::string& buffer) const;

  // Size of all files together.
  int64_t total_bytes() const { return total_bytes_; }

 private:
  explicit TextReader(TextReaderOptions options)
      : options_(std::move(options)) {}

  bool IsJson(size_t file_index) const;
  absl::Status Error(size_t file_index, int64_t line,
                     absl::string_view problem) const;
  absl::Status OpenNextFile();
  absl::string_view TakeLine();
  bool FindDocument(RawDocument& document);
  void FindText(RawDocument& document);

  TextReaderOptions options_;
  int64_t total_bytes_ = 0;
  size_t next_file_ = 0;
  std::shared_ptr<const MappedFile> file_;  // the one before next_file_
  absl::string_view rest_;                  // of file_
  int64_t line_ = 1;                        // where rest_ begins
  bool found_any_ = true;                   // in file_
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_TEXT_READER_H_
