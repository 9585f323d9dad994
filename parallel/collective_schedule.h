// What one rank sends and receives in a collective, in which order, and what
// has to wait for what. Pure: no data, no messages.
//
// A tensor is cut into one part a rank. A reduce-scatter gives every part to
// all ranks' sum of it, an all-gather spreads the parts, and an all-reduce is
// both. There are two reduce-scatters:
//   ring: each part travels once round the ring while the ranks add to it, so
//     each rank talks to two neighbours only;
//   pairwise: recursive halving with neighbours first. At distance 1, 2, 4, ...
//     rank r and rank r XOR distance give each other what they hold of the
//     other's residue class of parts (modulo 2 distance), and add.
// An all-gather passes the parts round the ring. Either way one rank's sum of a
// part is copied to all, so that every rank ends with the same bits.
//
// Elements sent by all ranks together, exactly, for parts of B elements in all:
//   all-reduce 2 (n-1) B, reduce-scatter, all-gather and broadcast (n-1) B.
// Each rank sends the nth part of that where all parts are equal, and in a
// broadcast B, but for the rank before the root, which sends nothing.

#ifndef COGDIST_PARALLEL_COLLECTIVE_SCHEDULE_H_
#define COGDIST_PARALLEL_COLLECTIVE_SCHEDULE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "parallel/partition.h"
#include "parallel/reduction.h"

namespace cogdist {

// Two sequences, sends and receives, of steps that move one range each and are
// cut into messages of at most `chunk` elements. Messages of different steps
// are under way at the same time. Those from one rank to another are sent in
// the order in which they are received; none is empty.
//
// An element is what the caller counts in: a number, or a byte where ranges are
// in bytes.
class CollectiveSchedule {
 public:
  struct Message {
    ElementRange range;
    int peer = 0;  // rank that it goes to, or comes from
    // Received: how it joins what is there; without one it replaces that.
    std::optional<Reduction> reduce = std::nullopt;
    // A send reads what so many first receives have left; a receive changes
    // what so many first sends have read.
    int64_t needs = 0;
  };

  // Who asks, and how: `chunk` is the largest message, in elements.
  struct Group {
    int rank = 0;
    int size = 1;
    int64_t chunk = 1;
  };

  // Part i is [borders[i], borders[i + 1]). Rank r ends with part r reduced.
  static CollectiveSchedule ReduceScatter(const Group& group,
                                          absl::Span<const int64_t> borders,
                                          Reduction op, SumOrder order);
  static CollectiveSchedule AllGather(const Group& group,
                                      absl::Span<const int64_t> borders);
  static CollectiveSchedule AllReduce(const Group& group,
                                      absl::Span<const int64_t> borders,
                                      Reduction op, SumOrder order);
  // Down the ring from the root, each chunk passed on as soon as it is here.
  static CollectiveSchedule Broadcast(const Group& group, int64_t elements,
                                      int root);
  // Both directions at once, in separate memory. Without elements the peer does
  // not matter.
  struct Transfer {
    int64_t elements = 0;
    int peer = 0;
  };
  static CollectiveSchedule SendRecv(const Group& group, const Transfer& send,
                                     const Transfer& receive);

  int64_t num_sends() const { return sends_.messages; }
  int64_t num_receives() const { return receives_.messages; }
  Message send(int64_t k) const { return At(sends_, receives_, k); }
  Message receive(int64_t k) const { return At(receives_, sends_, k); }

  // Elements that this rank sends in all.
  int64_t SentElements() const;
  // True if anything that is received is added or compared.
  bool Reduces() const;

 private:
  class Builder;

  struct Step {
    ElementRange range;
    int peer = 0;
    std::optional<Reduction> reduce = std::nullopt;
    // Step of the other direction with the same range that comes before it,
    // chunk by chunk; kNone if nothing does.
    int after = kNone;
    int64_t first_message = 0;
  };
  // One direction.
  struct Lane {
    std::vector<Step> steps;
    int64_t messages = 0;
  };
  static constexpr int kNone = -1;

  explicit CollectiveSchedule(int64_t chunk) : chunk_(chunk) {}

  void Add(Lane& lane, Step step);
  Message At(const Lane& lane, const Lane& other, int64_t k) const;

  int64_t chunk_;
  Lane sends_;
  Lane receives_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_COLLECTIVE_SCHEDULE_H_
