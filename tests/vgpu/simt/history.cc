#include "tests/vgpu/simt/history.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "tests/vgpu/simt/source_line.h"

namespace cogdist::simt {

void Progress::Join(const Progress& other) {
  if (other.done_.size() > done_.size()) done_.resize(other.done_.size());
  for (size_t i = 0; i < other.done_.size(); ++i) {
    done_[i] = std::max(done_[i], other.done_[i]);
  }
}

std::string Operation::ToString() const {
  const std::string what =
      kernel == nullptr
          ? std::string(call)
          : absl::StrCat("kernel ", SourceAt(OffsetOf(kernel) + 1).function);
  return absl::StrCat(what, " on stream ", stream);
}

uint32_t History::Begin(const Operation& operation, uint32_t blocks) {
  COG_CHECK_LE(blocks, std::numeric_limits<uint32_t>::max() - next_);
  const uint32_t first = next_;
  entries_.push_back({first, operation});
  next_ += blocks;
  return first;
}

size_t History::IndexOf(uint32_t number) const {
  const auto after = std::upper_bound(
      entries_.begin(), entries_.end(), number,
      [](uint32_t value, const Entry& entry) { return value < entry.first; });
  return after - entries_.begin() - 1;
}

History::Range History::RangeOf(uint32_t number) const {
  const size_t index = IndexOf(number);
  return {entries_[index].first,
          index + 1 < entries_.size() ? entries_[index + 1].first : next_};
}

uint32_t History::WithMember(uint32_t set, uint32_t number) {
  const uint32_t first = RangeOf(number).first;
  std::vector<uint32_t> members = sets_[set];
  // A stream's later operation stands for its earlier ones.
  const int stream = Of(first).stream;
  std::erase_if(members,
                [&](uint32_t member) { return Of(member).stream == stream; });
  members.insert(std::lower_bound(members.begin(), members.end(), first),
                 first);
  const auto [known, is_new] =
      known_sets_.try_emplace(std::move(members), sets_.size());
  if (is_new) sets_.push_back(known->first);
  return known->second;
}

void Past::Look(uint32_t number) {
  known_ = history_.RangeOf(number);
  const Operation& operation = history_.Of(number);
  included_ = progress_->Includes(operation.stream, operation.sequence);
}

}  // namespace cogdist::simt
