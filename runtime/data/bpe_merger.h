// The core of byte-level BPE: merging the bytes of one piece into tokens.

#ifndef COGDIST_RUNTIME_DATA_BPE_MERGER_H_
#define COGDIST_RUNTIME_DATA_BPE_MERGER_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "runtime/data/bpe_definition.h"

namespace cogdist {

// Immutable; usable from several threads, each with its own scratch.
class BpeMerger {
 public:
  // Memory of Merge(), kept between calls. One per thread.
  class Scratch {
    friend class BpeMerger;
    struct Symbol {
      int32_t id;
      int32_t previous;  // positions in symbols_; -1 at the ends
      int32_t next;
    };
    struct Candidate {
      int32_t rank;
      int32_t position;  // of the left symbol
      int32_t left;      // ids when it was found; stale if they have changed
      int32_t right;
    };
    std::vector<Symbol> symbols_;
    std::vector<Candidate> heap_;
  };

  // `byte_ids` are the tokens of the single bytes.
  BpeMerger(const std::array<int32_t, 256>& byte_ids,
            std::vector<BpeMerge> merges);

  // Appends the tokens of `piece`: starting from its bytes, the earliest merge
  // that applies anywhere is done, leftmost first, until none applies.
  // O(n log n) for n bytes.
  void Merge(absl::string_view piece, Scratch& scratch,
             std::vector<int32_t>& ids) const;

 private:
  void Propose(Scratch& scratch, int32_t position) const;
  void MergeAt(Scratch& scratch, const Scratch::Candidate& candidate) const;

  std::array<int32_t, 256> byte_ids_;
  std::vector<BpeMerge> merges_;                    // by rank
  absl::flat_hash_map<uint64_t, int32_t> rank_of_;  // by pair of ids
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_BPE_MERGER_H_
