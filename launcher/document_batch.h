// Documents in batches, the unit in which `cogdist prepare` reads them.

#ifndef COGDIST_LAUNCHER_DOCUMENT_BATCH_H_
#define COGDIST_LAUNCHER_DOCUMENT_BATCH_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/data/text_reader.h"

namespace cogdist {

struct DocumentBatch {
  std::vector<RawDocument> documents;
  int64_t raw_bytes = 0;  // of the documents as they lie in their files
};

// Fills an empty batch with the next documents: about 256 KiB, but at least one
// document. False at the end.
absl::StatusOr<bool> ReadBatch(TextReader& reader, DocumentBatch& batch);

// Whether the document with this text belongs to the held-out `fraction`, by a
// hash of the text.
bool IsHeldOut(absl::string_view text, double fraction);

// The same for a sample that is independent of the held-out documents.
bool IsSampled(absl::string_view text, double fraction);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_DOCUMENT_BATCH_H_
