// Token datasets in Megatron's indexed format, read through memory mappings.
//
//   PREFIX.bin  the tokens of all sequences, one after another, little-endian,
//               uint16 or int32
//   PREFIX.idx  9 bytes "MMIDIDX\0\0", uint64 version 1, uint8 type code
//               (4 int32, 8 uint16), uint64 sequences, uint64 document indices,
//               int32 lengths[], int64 byte offsets[], int64 document indices[]
//
// Document d is the sequences [document index d, document index d + 1): the
// first index is 0, the last the sequence count.

#ifndef COGDIST_RUNTIME_DATA_INDEXED_DATASET_H_
#define COGDIST_RUNTIME_DATA_INDEXED_DATASET_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/data/dataset_meta.h"
#include "runtime/dtype.h"
#include "runtime/file.h"

namespace cogdist {

// The leading part of an .idx file.
struct IndexedDatasetHeader {
  static constexpr absl::string_view kMagic =
      absl::string_view("MMIDIDX\0\0", 9);
  static constexpr uint64_t kVersion = 1;
  static constexpr uint8_t kInt32 = 4;
  static constexpr uint8_t kUInt16 = 8;
  static constexpr int64_t kBytes = 9 + 8 + 1 + 8 + 8;
};

// Immutable; threads may share it. The files must stay as they are.
class IndexedDatasetReader {
 public:
  // Checks the index in full and the sizes of both files; reads no token.
  // A fault is an InvalidArgument or NotFound error with file and remedy.
  static absl::StatusOr<IndexedDatasetReader> Open(absl::string_view prefix);

  const std::string& prefix() const { return prefix_; }
  DType dtype() const { return dtype_; }  // kUInt16 or kInt32
  int64_t num_tokens() const { return bin_.size() / SizeOf(dtype_); }
  int64_t num_documents() const { return num_documents_; }

  // Positions count the tokens of the concatenated documents.
  // Begin of document d; for d = num_documents(), the end of the last.
  int64_t DocumentBegin(int64_t document) const;
  // The document that holds the token at `position` < num_tokens().
  int64_t DocumentAt(int64_t position) const;

  // The tokens at position, position + 1, ... as they are stored: ids of an
  // int32 file may be anything.
  void Read(int64_t position, absl::Span<int32_t> tokens) const;

  // Asks the system to begin reading these tokens from the disk.
  void Prefetch(int64_t position, int64_t count) const;
  void ExpectRandomReads() const { bin_.ExpectRandomReads(); }

  // The contents of PREFIX.bin.
  absl::string_view bin() const { return bin_.contents(); }

 private:
  IndexedDatasetReader() = default;
  absl::Status CheckHeader();
  absl::Status CheckSequences() const;
  absl::Status CheckDocuments() const;
  int64_t Offset(int64_t sequence) const;         // bytes into PREFIX.bin
  int64_t DocumentIndex(int64_t document) const;  // its first sequence
  absl::Status Damaged(absl::string_view fault) const;

  std::string prefix_;
  MappedFile bin_;
  MappedFile idx_;
  DType dtype_ = DType::kInt32;
  int64_t num_sequences_ = 0;
  int64_t num_documents_ = 0;
};

std::string IndexedDatasetBinPath(absl::string_view prefix);
std::string IndexedDatasetIdxPath(absl::string_view prefix);

// Reads every token of a dataset. Returns what it found (tokenizer, source,
// license and text_bytes from PREFIX.meta.json), after comparing it with that
// file where there is one; an InvalidArgument error names what differs.
absl::StatusOr<DatasetMeta> VerifyDataset(absl::string_view prefix);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_INDEXED_DATASET_H_
