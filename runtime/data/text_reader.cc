#include "runtime/data/text_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "runtime/data/json_field.h"
#include "runtime/data/utf8.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<TextReader> TextReader::Open(TextReaderOptions options) {
  if (options.files.empty()) {
    return absl::InvalidArgumentError(
        "no input files; name text files or JSON Lines (*.jsonl)");
  }
  TextReader reader(std::move(options));
  for (size_t i = 0; i < reader.options_.files.size(); ++i) {
    COG_ASSIGN_OR_RETURN(const MappedFile file,
                         MappedFile::Open(reader.options_.files[i]));
    if (file.size() == 0) return reader.Error(i, 0, "is empty");
    reader.total_bytes_ += file.size();
  }
  return reader;
}

bool TextReader::IsJson(size_t file_index) const {
  const std::string& name = options_.files[file_index];
  return absl::EndsWithIgnoreCase(name, ".jsonl") ||
         absl::EndsWithIgnoreCase(name, ".ndjson") ||
         absl::EndsWithIgnoreCase(name, ".json");
}

// Line 0 speaks of the file as a whole.
absl::Status TextReader::Error(size_t file_index, int64_t line,
                               absl::string_view problem) const {
  const std::string place =
      line > 0 ? absl::StrCat(":", line, ": ") : std::string(": ");
  return absl::InvalidArgumentError(
      absl::StrCat(options_.files[file_index], place, problem));
}

absl::Status TextReader::OpenNextFile() {
  COG_ASSIGN_OR_RETURN(MappedFile file,
                       MappedFile::Open(options_.files[next_file_++]));
  file_ = std::make_shared<const MappedFile>(std::move(file));
  rest_ = file_->contents();
  absl::ConsumePrefix(&rest_, "\xEF\xBB\xBF");  // byte-order mark
  line_ = 1;
  found_any_ = false;
  return absl::OkStatus();
}

// The next line with its end.
absl::string_view TextReader::TakeLine() {
  const size_t end = rest_.find('\n');
  const absl::string_view line =
      end == rest_.npos ? rest_ : rest_.substr(0, end + 1);
  rest_.remove_prefix(line.size());
  ++line_;
  return line;
}

// A stretch of lines up to a separator or the end of the file.
void TextReader::FindText(RawDocument& document) {
  document.line = line_;
  document.bytes = rest_;
  if (options_.document_separator.empty()) {
    rest_ = {};
    return;
  }
  while (!rest_.empty()) {
    const size_t length = document.bytes.size() - rest_.size();
    absl::string_view line = TakeLine();
    absl::ConsumeSuffix(&line, "\n");
    absl::ConsumeSuffix(&line, "\r");
    if (line == options_.document_separator) {
      document.bytes = document.bytes.substr(0, length);
      return;
    }
  }
}

// A document of the rest of the file, if there is one.
bool TextReader::FindDocument(RawDocument& document) {
  while (!rest_.empty()) {
    if (IsJson(next_file_ - 1)) {
      document.line = line_;
      document.bytes = absl::StripAsciiWhitespace(TakeLine());
    } else {
      FindText(document);
    }
    if (!absl::StripAsciiWhitespace(document.bytes).empty()) return true;
  }
  return false;
}

absl::StatusOr<bool> TextReader::Next(RawDocument& document) {
  while (!FindDocument(document)) {
    if (!found_any_) return Error(next_file_ - 1, 0, "has no documents");
    if (next_file_ == options_.files.size()) return false;
    COG_RETURN_IF_ERROR(OpenNextFile());
  }
  found_any_ = true;
  document.file = file_;
  document.file_index = next_file_ - 1;
  return true;
}

absl::StatusOr<absl::string_view> TextReader::Text(const RawDocument& document,
                                                   std::string& buffer) const {
  const size_t valid = ValidUtf8Prefix(document.bytes);
  if (valid != document.bytes.size()) {
    const absl::string_view before = document.bytes.substr(0, valid);
    const int64_t lines = std::count(before.begin(), before.end(), '\n');
    return Error(document.file_index, document.line + lines,
                 "is not valid UTF-8; convert the file, e.g. with iconv");
  }
  if (!IsJson(document.file_index)) return document.bytes;
  const absl::Status status =
      ReadJsonField(document.bytes, options_.json_field, buffer);
  if (!status.ok()) {
    return Error(document.file_index, document.line, status.message());
  }
  return absl::string_view(buffer);
}

}  // namespace cogdist
