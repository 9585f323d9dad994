#include "launcher/document_batch.h"

#include <cmath>
#include <utility>

#include "runtime/data/stable_hash.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

constexpr int64_t kBatchBytes = 256 << 10;

// Changing one of these moves documents between the splits of existing data.
constexpr uint64_t kHeldOutSeed = 0;
constexpr uint64_t kSampleSeed = 1;

bool InFraction(uint64_t hash, double fraction) {
  return std::ldexp(static_cast<double>(hash >> 11), -53) < fraction;
}

}  // namespace

absl::StatusOr<bool> ReadBatch(TextReader& reader, DocumentBatch& batch) {
  while (batch.raw_bytes < kBatchBytes) {
    RawDocument document;
    COG_ASSIGN_OR_RETURN(const bool more, reader.Next(document));
    if (!more) break;
    batch.raw_bytes += static_cast<int64_t>(document.bytes.size());
    batch.documents.push_back(std::move(document));
  }
  return !batch.documents.empty();
}

bool IsHeldOut(absl::string_view text, double fraction) {
  return InFraction(StableHash(text, kHeldOutSeed), fraction);
}

bool IsSampled(absl::string_view text, double fraction) {
  return InFraction(StableHash(text, kSampleSeed), fraction);
}

}  // namespace cogdist
