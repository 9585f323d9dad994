#include "runtime/data/indexed_dataset_writer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/crc32c.h"
#include "runtime/data/indexed_dataset.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

template <typename T>
absl::string_view BytesOf(absl::Span<const T> values) {
  return absl::string_view(reinterpret_cast<const char*>(values.data()),
                           values.size() * sizeof(T));
}

template <typename T>
absl::Status AppendValue(WritableFile& file, T value) {
  return file.Append(BytesOf(absl::MakeConstSpan(&value, 1)));
}

}  // namespace

IndexedDatasetWriter::IndexedDatasetWriter(absl::string_view prefix,
                                           int64_t vocab_size, AtomicFile bin)
    : prefix_(prefix),
      vocab_size_(vocab_size),
      dtype_(vocab_size < kUInt16VocabularyLimit ? DType::kUInt16
                                                 : DType::kInt32),
      bin_(std::move(bin)) {}

absl::StatusOr<IndexedDatasetWriter> IndexedDatasetWriter::Create(
    absl::string_view prefix, int64_t vocab_size) {
  COG_ASSIGN_OR_RETURN(AtomicFile bin,
                       AtomicFile::Create(IndexedDatasetBinPath(prefix)));
  return IndexedDatasetWriter(prefix, vocab_size, std::move(bin));
}

absl::Status IndexedDatasetWriter::AddDocument(
    absl::Span<const int32_t> tokens) {
  if (tokens.empty()) return absl::OkStatus();
  const auto [low, high] = std::minmax_element(tokens.begin(), tokens.end());
  if (*low < 0 || *high >= vocab_size_) {
    return absl::InvalidArgumentError(absl::StrCat(
        prefix_, ": token id ", *low < 0 ? *low : *high, " in document ",
        meta_.documents, " is not below the vocabulary of ", vocab_size_));
  }
  if (tokens.size() > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(absl::StrCat(
        prefix_, ": document ", meta_.documents, " has ", tokens.size(),
        " tokens, more than the format holds; split it"));
  }
  absl::string_view bytes = BytesOf(tokens);
  if (dtype_ == DType::kUInt16) {
    scratch_.assign(tokens.begin(), tokens.end());
    bytes = BytesOf(absl::MakeConstSpan(scratch_));
  }
  COG_RETURN_IF_ERROR(bin_.file().Append(bytes));
  lengths_.push_back(static_cast<int32_t>(tokens.size()));
  meta_.crc32c = ExtendCrc32c(meta_.crc32c, bytes);
  meta_.largest_token_id = std::max<int64_t>(meta_.largest_token_id, *high);
  meta_.tokens += static_cast<int64_t>(tokens.size());
  ++meta_.documents;
  return absl::OkStatus();
}

absl::StatusOr<DatasetMeta> IndexedDatasetWriter::Finish(DatasetMeta meta) {
  meta.documents = meta_.documents;
  meta.tokens = meta_.tokens;
  meta.largest_token_id = meta_.largest_token_id;
  meta.crc32c = meta_.crc32c;
  COG_RETURN_IF_ERROR(bin_.Commit());
  COG_RETURN_IF_ERROR(WriteIndex());
  COG_RETURN_IF_ERROR(WriteDatasetMeta(prefix_, meta));
  return meta;
}

absl::Status IndexedDatasetWriter::WriteIndex() const {
  using Header = IndexedDatasetHeader;
  COG_ASSIGN_OR_RETURN(AtomicFile idx,
                       AtomicFile::Create(IndexedDatasetIdxPath(prefix_)));
  WritableFile& file = idx.file();
  const bool is_uint16 = dtype_ == DType::kUInt16;
  const uint64_t sequences = lengths_.size();
  COG_RETURN_IF_ERROR(file.Append(Header::kMagic));
  COG_RETURN_IF_ERROR(AppendValue(file, Header::kVersion));
  COG_RETURN_IF_ERROR(
      AppendValue(file, is_uint16 ? Header::kUInt16 : Header::kInt32));
  COG_RETURN_IF_ERROR(AppendValue(file, sequences));
  COG_RETURN_IF_ERROR(AppendValue(file, sequences + 1));
  COG_RETURN_IF_ERROR(file.Append(BytesOf(absl::MakeConstSpan(lengths_))));
  int64_t offset = 0;
  for (const int32_t length : lengths_) {
    COG_RETURN_IF_ERROR(AppendValue(file, offset));
    offset += length * SizeOf(dtype_);
  }
  for (uint64_t document = 0; document <= sequences; ++document) {
    COG_RETURN_IF_ERROR(AppendValue(file, static_cast<int64_t>(document)));
  }
  return idx.Commit();
}

}  // namespace cogdist
