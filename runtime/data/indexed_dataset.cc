#include "runtime/data/indexed_dataset.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/check.h"
#include "runtime/crc32c.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

using Header = IndexedDatasetHeader;

constexpr absl::string_view kRemedy =
    "; copy both files again, or make the dataset with `cogdist prepare`";

// The arrays of an index begin at odd addresses.
template <typename T>
T Load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

absl::StatusOr<MappedFile> Map(const std::string& path,
                               absl::string_view prefix) {
  absl::StatusOr<MappedFile> file = MappedFile::Open(path);
  if (!absl::IsNotFound(file.status())) return file;
  if (absl::EndsWith(prefix, ".bin") || absl::EndsWith(prefix, ".idx")) {
    return absl::NotFoundError(absl::StrCat(
        "there is no ", path, "; a dataset's prefix leaves out the ending: ",
        prefix.substr(0, prefix.size() - 4)));
  }
  return absl::NotFoundError(
      absl::StrCat("there is no ", path, "; make the dataset with `cogdist ",
                   "prepare --output ", prefix, " --tokenizer PATH FILES...`"));
}

absl::Status Differs(absl::string_view prefix, absl::string_view what,
                     absl::string_view found, absl::string_view stated) {
  return absl::InvalidArgumentError(absl::StrCat(
      IndexedDatasetBinPath(prefix), ": the ", what, " is ", found, ", but ",
      DatasetMetaPath(prefix), " says ", stated, kRemedy));
}

absl::Status Compare(absl::string_view prefix, const DatasetMeta& found,
                     const DatasetMeta& stated) {
  const auto compare = [&](absl::string_view what, int64_t a, int64_t b) {
    if (a == b) return absl::OkStatus();
    return Differs(prefix, what, absl::StrCat(a), absl::StrCat(b));
  };
  COG_RETURN_IF_ERROR(
      compare("number of documents", found.documents, stated.documents));
  COG_RETURN_IF_ERROR(compare("number of tokens", found.tokens, stated.tokens));
  COG_RETURN_IF_ERROR(compare("largest token id", found.largest_token_id,
                              stated.largest_token_id));
  if (found.crc32c == stated.crc32c) return absl::OkStatus();
  return Differs(prefix, "CRC-32C", absl::StrFormat("%08x", found.crc32c),
                 absl::StrFormat("%08x", stated.crc32c));
}

absl::Status ReportNegativeId(const IndexedDatasetReader& data,
                              int64_t position, int32_t id) {
  const int64_t document = data.DocumentAt(position);
  return absl::InvalidArgumentError(
      absl::StrCat(IndexedDatasetBinPath(data.prefix()), ": token id ", id,
                   " is negative, in document ", document, " at offset ",
                   position - data.DocumentBegin(document), kRemedy));
}

// The largest id of a dataset, -1 if it is empty.
absl::StatusOr<int64_t> LargestTokenId(const IndexedDatasetReader& data) {
  std::vector<int32_t> tokens(size_t{1} << 16);
  int64_t largest = -1;
  for (int64_t begin = 0; begin < data.num_tokens(); begin += tokens.size()) {
    tokens.resize(std::min<int64_t>(tokens.size(), data.num_tokens() - begin));
    data.Read(begin, absl::MakeSpan(tokens));
    const auto [low, high] = std::minmax_element(tokens.begin(), tokens.end());
    if (*low < 0) {
      return ReportNegativeId(data, begin + (low - tokens.begin()), *low);
    }
    largest = std::max<int64_t>(largest, *high);
  }
  return largest;
}

}  // namespace

std::string IndexedDatasetBinPath(absl::string_view prefix) {
  return absl::StrCat(prefix, ".bin");
}

std::string IndexedDatasetIdxPath(absl::string_view prefix) {
  return absl::StrCat(prefix, ".idx");
}

absl::StatusOr<IndexedDatasetReader> IndexedDatasetReader::Open(
    absl::string_view prefix) {
  IndexedDatasetReader reader;
  reader.prefix_ = std::string(prefix);
  COG_ASSIGN_OR_RETURN(reader.idx_, Map(IndexedDatasetIdxPath(prefix), prefix));
  COG_ASSIGN_OR_RETURN(reader.bin_, Map(IndexedDatasetBinPath(prefix), prefix));
  COG_RETURN_IF_ERROR(reader.CheckHeader());
  COG_RETURN_IF_ERROR(reader.CheckSequences());
  COG_RETURN_IF_ERROR(reader.CheckDocuments());
  return reader;
}

absl::Status IndexedDatasetReader::Damaged(absl::string_view fault) const {
  return absl::InvalidArgumentError(
      absl::StrCat(IndexedDatasetIdxPath(prefix_), ": ", fault, kRemedy));
}

absl::Status IndexedDatasetReader::CheckHeader() {
  const absl::string_view idx = idx_.contents();
  if (!absl::StartsWith(idx, Header::kMagic)) {
    return Damaged("not an indexed dataset (it must begin with MMIDIDX)");
  }
  if (idx_.size() < Header::kBytes) return Damaged("cut short in its header");
  const uint64_t version = Load<uint64_t>(idx.data() + 9);
  if (version != Header::kVersion) {
    return Damaged(absl::StrCat("version ", version, " where 1 is needed"));
  }
  const int code = Load<uint8_t>(idx.data() + 17);
  if (code != Header::kInt32 && code != Header::kUInt16) {
    return Damaged(absl::StrCat("token type code ", code,
                                " where 4 (int32) or 8 (uint16) is needed"));
  }
  dtype_ = code == Header::kUInt16 ? DType::kUInt16 : DType::kInt32;
  const uint64_t sequences = Load<uint64_t>(idx.data() + 18);
  const uint64_t indices = Load<uint64_t>(idx.data() + 26);
  // Neither product below can overflow when both counts fit the file.
  const uint64_t rest = static_cast<uint64_t>(idx_.size() - Header::kBytes);
  if (sequences > rest || indices > rest ||
      sequences * 12 + indices * 8 != rest) {
    return Damaged(absl::StrCat("its size of ", idx_.size(), " bytes does not ",
                                "suit ", sequences, " sequences and ", indices,
                                " document indices"));
  }
  if (indices == 0) return Damaged("without document indices");
  num_sequences_ = static_cast<int64_t>(sequences);
  num_documents_ = static_cast<int64_t>(indices) - 1;
  return absl::OkStatus();
}

absl::Status IndexedDatasetReader::CheckSequences() const {
  const char* lengths = idx_.contents().data() + Header::kBytes;
  int64_t expected = 0;
  for (int64_t i = 0; i < num_sequences_; ++i) {
    const int32_t length = Load<int32_t>(lengths + 4 * i);
    if (length < 0 || Offset(i) != expected || expected > bin_.size()) {
      return Damaged(absl::StrCat(
          "sequence ", i, " of ", length, " tokens is said to begin at byte ",
          Offset(i), "; the sequences before it end at byte ", expected, " of ",
          bin_.size(), " in the .bin file"));
    }
    expected += length * SizeOf(dtype_);
  }
  if (expected == bin_.size()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(IndexedDatasetBinPath(prefix_), ": has ", bin_.size(),
                   " bytes where its index says ", expected, kRemedy));
}

absl::Status IndexedDatasetReader::CheckDocuments() const {
  if (DocumentIndex(0) != 0)
    return Damaged("the first document index is not 0");
  for (int64_t d = 0; d < num_documents_; ++d) {
    if (DocumentIndex(d) > DocumentIndex(d + 1)) {
      return Damaged(absl::StrCat("document index ", d + 1,
                                  " is below the one before it"));
    }
  }
  if (DocumentIndex(num_documents_) != num_sequences_) {
    return Damaged(absl::StrCat(
        "the last document index is ", DocumentIndex(num_documents_),
        ", not the number of sequences, ", num_sequences_));
  }
  return absl::OkStatus();
}

int64_t IndexedDatasetReader::Offset(int64_t sequence) const {
  const int64_t at = Header::kBytes + 4 * num_sequences_ + 8 * sequence;
  return Load<int64_t>(idx_.contents().data() + at);
}

int64_t IndexedDatasetReader::DocumentIndex(int64_t document) const {
  const int64_t at = Header::kBytes + 12 * num_sequences_ + 8 * document;
  return Load<int64_t>(idx_.contents().data() + at);
}

int64_t IndexedDatasetReader::DocumentBegin(int64_t document) const {
  const int64_t sequence = DocumentIndex(document);
  if (sequence == num_sequences_) return num_tokens();
  return Offset(sequence) / SizeOf(dtype_);
}

int64_t IndexedDatasetReader::DocumentAt(int64_t position) const {
  COG_CHECK(position >= 0 && position < num_tokens());
  int64_t low = 0;                // begins at or before the position
  int64_t high = num_documents_;  // begins after it
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (DocumentBegin(middle) <= position ? low : high) = middle;
  }
  return low;
}

void IndexedDatasetReader::Read(int64_t position,
                                absl::Span<int32_t> tokens) const {
  const auto count = static_cast<int64_t>(tokens.size());
  COG_CHECK(position >= 0 && position <= num_tokens() - count);
  const char* from = bin_.contents().data() + position * SizeOf(dtype_);
  if (dtype_ == DType::kInt32) {
    if (count > 0) std::memcpy(tokens.data(), from, 4 * tokens.size());
    return;
  }
  const auto* ids = reinterpret_cast<const uint16_t*>(from);
  std::copy(ids, ids + count, tokens.begin());
}

void IndexedDatasetReader::Prefetch(int64_t position, int64_t count) const {
  bin_.Prefetch(position * SizeOf(dtype_), count * SizeOf(dtype_));
}

absl::StatusOr<DatasetMeta> VerifyDataset(absl::string_view prefix) {
  COG_ASSIGN_OR_RETURN(const IndexedDatasetReader data,
                       IndexedDatasetReader::Open(prefix));
  absl::StatusOr<DatasetMeta> stated = ReadDatasetMeta(prefix);
  DatasetMeta found;
  if (stated.ok()) found = *stated;
  found.documents = data.num_documents();
  found.tokens = data.num_tokens();
  COG_ASSIGN_OR_RETURN(found.largest_token_id, LargestTokenId(data));
  found.crc32c = Crc32c(data.bin());
  if (stated.ok()) COG_RETURN_IF_ERROR(Compare(prefix, found, *stated));
  if (!stated.ok() && !absl::IsNotFound(stated.status())) {
    return stated.status();
  }
  return found;
}

}  // namespace cogdist
