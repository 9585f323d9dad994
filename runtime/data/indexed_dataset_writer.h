// Writes a token dataset in Megatron's indexed format; see indexed_dataset.h.

#ifndef COGDIST_RUNTIME_DATA_INDEXED_DATASET_WRITER_H_
#define COGDIST_RUNTIME_DATA_INDEXED_DATASET_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/atomic_file.h"
#include "runtime/data/dataset_meta.h"
#include "runtime/dtype.h"

namespace cogdist {

// Vocabularies below this are stored as uint16, as Megatron does; others as
// int32.
inline constexpr int64_t kUInt16VocabularyLimit = 65500;

// One thread at a time. Nothing appears under the dataset's names before
// Finish(). Memory: 4 bytes for each document.
class IndexedDatasetWriter {
 public:
  // Ids will be below `vocab_size`. The folder must exist.
  static absl::StatusOr<IndexedDatasetWriter> Create(absl::string_view prefix,
                                                     int64_t vocab_size);

  // A document is one sequence; its last token is to be the end-of-document
  // token. An empty document is left out, as Megatron's preprocessing does.
  absl::Status AddDocument(absl::Span<const int32_t> tokens);

  // Writes PREFIX.bin, PREFIX.idx and PREFIX.meta.json. The caller fills in
  // what it knows of `meta`: tokenizer, source, license, text_bytes and
  // eos_token_id; the counts, the largest id and the CRC are the writer's.
  // Returns all of it. The writer must not be used afterwards.
  absl::StatusOr<DatasetMeta> Finish(DatasetMeta meta);

 private:
  IndexedDatasetWriter(absl::string_view prefix, int64_t vocab_size,
                       AtomicFile bin);
  absl::Status WriteIndex() const;

  std::string prefix_;
  int64_t vocab_size_;
  DType dtype_;
  AtomicFile bin_;
  std::vector<int32_t> lengths_;   // of the sequences, in tokens
  std::vector<uint16_t> scratch_;  // a document as it is stored
  DatasetMeta meta_;               // what has been counted so far
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_INDEXED_DATASET_WRITER_H_
