#include "runtime/data/bpe_merger.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace cogdist {
namespace {

uint64_t PairKey(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 |
         static_cast<uint32_t>(right);
}

// A heap with the lowest rank on top, and the leftmost of that rank.
constexpr auto kLater = [](const auto& a, const auto& b) {
  return std::tie(a.rank, a.position) > std::tie(b.rank, b.position);
};

}  // namespace

BpeMerger::BpeMerger(const std::array<int32_t, 256>& byte_ids,
                     std::vector<BpeMerge> merges)
    : byte_ids_(byte_ids), merges_(std::move(merges)) {
  rank_of_.reserve(merges_.size());
  for (size_t rank = 0; rank < merges_.size(); ++rank) {
    rank_of_[PairKey(merges_[rank].left, merges_[rank].right)] =
        static_cast<int32_t>(rank);
  }
}

// Puts the pair that begins at `position` on the heap if it can be merged.
void BpeMerger::Propose(Scratch& scratch, int32_t position) const {
  if (position < 0) return;
  const Scratch::Symbol& symbol = scratch.symbols_[position];
  if (symbol.next < 0) return;
  const int32_t right = scratch.symbols_[symbol.next].id;
  const auto found = rank_of_.find(PairKey(symbol.id, right));
  if (found == rank_of_.end()) return;
  scratch.heap_.push_back({found->second, position, symbol.id, right});
  std::push_heap(scratch.heap_.begin(), scratch.heap_.end(), kLater);
}

void BpeMerger::MergeAt(Scratch& scratch,
                        const Scratch::Candidate& candidate) const {
  auto& symbols = scratch.symbols_;
  Scratch::Symbol& left = symbols[candidate.position];
  if (left.id != candidate.left || left.next < 0) return;
  Scratch::Symbol& right = symbols[left.next];
  if (right.id != candidate.right) return;
  left.id = merges_[candidate.rank].result;
  left.next = right.next;
  right.id = -1;  // gone: no candidate can match it any more
  if (left.next >= 0) symbols[left.next].previous = candidate.position;
  Propose(scratch, left.previous);
  Propose(scratch, candidate.position);
}

void BpeMerger::Merge(absl::string_view piece, Scratch& scratch,
                      std::vector<int32_t>& ids) const {
  auto& symbols = scratch.symbols_;
  symbols.clear();
  scratch.heap_.clear();
  const int32_t size = static_cast<int32_t>(piece.size());
  for (int32_t i = 0; i < size; ++i) {
    symbols.push_back({byte_ids_[static_cast<unsigned char>(piece[i])], i - 1,
                       i + 1 < size ? i + 1 : -1});
  }
  for (int32_t i = 0; i + 1 < size; ++i) Propose(scratch, i);
  while (!scratch.heap_.empty()) {
    std::pop_heap(scratch.heap_.begin(), scratch.heap_.end(), kLater);
    const Scratch::Candidate candidate = scratch.heap_.back();
    scratch.heap_.pop_back();
    MergeAt(scratch, candidate);
  }
  for (int32_t i = size > 0 ? 0 : -1; i >= 0; i = symbols[i].next) {
    ids.push_back(symbols[i].id);
  }
}

}  // namespace cogdist
