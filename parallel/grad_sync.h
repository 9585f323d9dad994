// Sums gradients over the ranks that hold the same parameters, while the
// backward pass still computes others. Units that are ready one after the other
// share a bucket, the unit of communication: big enough to be efficient, small
// enough that the first one starts early.

#ifndef COGDIST_PARALLEL_GRAD_SYNC_H_
#define COGDIST_PARALLEL_GRAD_SYNC_H_

#include <cstdint>
#include <vector>

#include "parallel/communicator.h"
#include "parallel/param_store.h"
#include "runtime/stream.h"

namespace cogdist {

// Consecutive units, whose gradients are one range of the flat buffer.
struct GradBucket {
  ParamStore::UnitId first_unit = 0;
  ParamStore::UnitId last_unit = 0;  // inclusive
  ParamStore::Range range;
};

struct GradSyncOptions {
  int64_t bucket_bytes = 25 << 20;
  // Smaller models get smaller buckets, so that there are about so many.
  int min_buckets = 4;
  // false: every bucket starts in Finish(), for comparison.
  bool overlap = true;
};

// Buckets in the order in which the backward pass completes them: from the last
// unit to the first. Every unit is in one bucket; none is cut.
std::vector<GradBucket> MakeBuckets(const ParamStore& params,
                                    const GradSyncOptions& options);

// One per rank; used by its thread. Each step:
//   backward of the last micro-batch calls UnitReady() for every unit;
//   Finish();
//   the optimizer reads the sums.
class GradSync {
 public:
  struct Args {
    ParamStore& params;
    Communicator& replicas;  // ranks with the same parameters
    Stream& compute;         // where gradients are written and read
    Stream& communication;
  };
  // What it refers to outlives it. In a group of one it does nothing.
  explicit GradSync(const Args& args, const GradSyncOptions& options = {});

  // The unit's gradients are complete once the compute stream has done what is
  // enqueued on it. Once per unit and step.
  void UnitReady(ParamStore::UnitId unit);

  // Starts what has not started and waits for all sums. REQUIRES: UnitReady()
  // was called for every unit.
  void Finish();

  struct Stats {
    int64_t bytes = 0;  // that this rank has sent
    // From the first bucket's start to the last one's end.
    double total_seconds = 0;
    // The part of it in which the compute stream had nothing left to do but
    // wait; the rest was hidden behind the backward pass.
    double exposed_seconds = 0;
  };
  // Of the last step that Finish() has ended.
  const Stats& stats() const { return stats_; }

  const std::vector<GradBucket>& buckets() const { return buckets_; }
  // Buckets whose sums have been started in this step.
  int started() const { return started_; }

 private:
  // Starts buckets in order, up to the first that is not ready: all ranks must
  // start them in the same order.
  void StartReady();

  Args args_;
  const bool overlap_;
  const bool alone_;
  std::vector<GradBucket> buckets_;
  std::vector<int> bucket_of_unit_;
  std::vector<bool> unit_ready_;
  std::vector<int> units_missing_;  // by bucket
  int started_ = 0;
  int64_t bytes_before_ = 0;
  double start_seconds_ = 0;
  Stats stats_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_GRAD_SYNC_H_
