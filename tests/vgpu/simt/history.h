// What has been done to a device's memory, operation by operation, and which of
// it happened before what.

#ifndef COGDIST_TESTS_VGPU_SIMT_HISTORY_H_
#define COGDIST_TESTS_VGPU_SIMT_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cogdist::simt {

// How many operations of every stream have happened: a vector clock.
class Progress {
 public:
  // The next operation of a stream; its number, from 1.
  uint64_t Advance(int stream) { return ++At(stream); }
  void Join(const Progress& other);
  bool Includes(int stream, uint64_t sequence) const {
    return static_cast<size_t>(stream) < done_.size() &&
           done_[stream] >= sequence;
  }

 private:
  uint64_t& At(size_t stream) {
    if (stream >= done_.size()) done_.resize(stream + 1);
    return done_[stream];
  }

  std::vector<uint64_t> done_;
};

// A launch, or another call that touches memory.
struct Operation {
  std::string ToString() const;  // "kernel Scale<float>(Args) on stream 2"

  int stream = 0;
  uint64_t sequence = 0;         // in its stream
  const char* call = nullptr;    // of what is no launch
  const void* kernel = nullptr;  // of a launch: its code
};

// Operations get as many numbers as they have blocks, in the order in which
// they begin. Number 0 is the host's, which is ordered with everything. Used by
// one thread at a time.
class History {
 public:
  // The number of the operation's first block.
  uint32_t Begin(const Operation& operation, uint32_t blocks);
  // REQUIRES: the number was given.
  const Operation& Of(uint32_t number) const {
    return entries_[IndexOf(number)].operation;
  }
  // [first, end) are the numbers of one operation: that of `number`.
  struct Range {
    uint32_t first = 0;
    uint32_t end = 0;
  };
  Range RangeOf(uint32_t number) const;

  // Sets of operations, for cells that several streams read. Set 0 is empty.
  uint32_t WithMember(uint32_t set, uint32_t number);
  const std::vector<uint32_t>& MembersOf(uint32_t set) const {
    return sets_[set];
  }

 private:
  struct Entry {
    uint32_t first;
    Operation operation;
  };
  size_t IndexOf(uint32_t number) const;

  std::vector<Entry> entries_;
  uint32_t next_ = 1;
  std::vector<std::vector<uint32_t>> sets_{{}};
  std::map<std::vector<uint32_t>, uint32_t> known_sets_;
};

// What an operation may rely on: what has happened before it began.
class Past {
 public:
  // Without a progress, everything that has begun.
  explicit Past(const History& history, const Progress* progress = nullptr)
      : history_(history), progress_(progress) {}

  // Has the operation of this block happened before?
  bool Includes(uint32_t number) {
    if (progress_ == nullptr || number == 0) return true;
    if (number - known_.first >= known_.end - known_.first) Look(number);
    return included_;
  }

 private:
  void Look(uint32_t number);

  const History& history_;
  const Progress* const progress_;
  // The answer for the operation that was asked about last.
  History::Range known_;
  bool included_ = false;
};

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_HISTORY_H_
