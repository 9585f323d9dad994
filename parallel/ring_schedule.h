// What one rank of a ring sends and receives in a collective, in which order,
// and what has to wait for what. Pure: no data, no messages.
//
// An all-reduce is a reduce-scatter and an all-gather. The tensor is cut into
// as many parts as there are ranks; each part travels once round the ring while
// the ranks add to it, and once more while they copy it. Part p is summed in
// the order of ranks p + 1, p + 2, ..., p, by that one chain, so that every
// rank ends with the same bits. Each step's part is cut into chunks, and chunks
// of different steps are under way at the same time.
//
// Bytes sent by all ranks together, exactly, for a payload of B bytes:
//   all-reduce 2 (n-1) B, reduce-scatter, all-gather and broadcast (n-1) B.
// Each rank sends the nth part of that where n divides the element count, and
// in a broadcast B, but for the rank before the root, which sends nothing.

#ifndef COGDIST_PARALLEL_RING_SCHEDULE_H_
#define COGDIST_PARALLEL_RING_SCHEDULE_H_

#include <cstdint>
#include <vector>

#include "parallel/partition.h"

namespace cogdist {

// A sequence of items: item k sends one range and receives another, either of
// which may be empty. The kth message that leaves a rank is the kth that its
// neighbour takes; empty ones are left out on both sides.
class RingSchedule {
 public:
  struct Item {
    ElementRange send;
    ElementRange receive;
    bool add =
        false;  // what arrives is added to `receive`, else it replaces it
  };

  // Who asks, and how: `chunk` is the largest message, in elements.
  struct Group {
    int rank = 0;
    int size = 1;
    int64_t chunk = 1;
  };

  static RingSchedule AllReduce(const Group& group, int64_t elements);
  static RingSchedule ReduceScatter(const Group& group, int64_t elements);
  static RingSchedule AllGather(const Group& group, int64_t elements);
  static RingSchedule Broadcast(const Group& group, int64_t elements, int root);
  static RingSchedule Send(const Group& group, int64_t elements, int to);
  static RingSchedule Receive(const Group& group, int64_t elements, int from);

  int to() const { return to_; }      // rank that this one sends to
  int from() const { return from_; }  // rank that this one receives from

  int64_t num_items() const { return steps_.size() * chunks_; }
  Item item(int64_t k) const;

  // Send k reads what the first SendNeeds(k) receives have left.
  int64_t SendNeeds(int64_t k) const { return k + 1 - send_lag_; }
  // Receive k overwrites what the first ReceiveNeeds(k) sends have read.
  int64_t ReceiveNeeds(int64_t k) const { return k + 1 - receive_lag_; }

  // Elements that this rank sends in all.
  int64_t SentElements() const;

 private:
  RingSchedule(const Group& group, int64_t largest_range);
  // The two halves of an all-reduce of `elements`.
  void AddReduceScatter(const Group& group, int64_t elements);
  void AddAllGather(const Group& group, int64_t elements);

  int to_;
  int from_;
  int64_t chunk_;
  int64_t chunks_;  // items a step
  int64_t send_lag_;
  int64_t receive_lag_;
  std::vector<Item> steps_;  // before cutting into chunks
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_RING_SCHEDULE_H_
