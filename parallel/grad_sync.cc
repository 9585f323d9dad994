#include "parallel/grad_sync.h"

#include <algorithm>

#include "runtime/check.h"
#include "runtime/clock.h"

namespace cogdist {
namespace {

int NumUnits(const GradBucket& bucket) {
  return bucket.last_unit - bucket.first_unit + 1;
}

}  // namespace

std::vector<GradBucket> MakeBuckets(const ParamStore& params,
                                    const GradSyncOptions& options) {
  COG_CHECK_GE(options.min_buckets, 1);
  // The last bucket has nothing left to hide behind: the smaller it is, the
  // better, hence the lower bound on their number.
  const int64_t target =
      std::min(options.bucket_bytes / SizeOf(DType::kFloat32),
               params.all().count / options.min_buckets);
  std::vector<GradBucket> buckets;
  for (int unit = params.num_units() - 1; unit >= 0; --unit) {
    const ParamStore::Range range = params.unit_range(unit);
    if (buckets.empty() || buckets.back().range.count >= target) {
      buckets.push_back({unit, unit, range});
      continue;
    }
    GradBucket& bucket = buckets.back();
    bucket.first_unit = unit;
    bucket.range = {range.begin, range.count + bucket.range.count};
  }
  return buckets;
}

GradSync::GradSync(const Args& args, const GradSyncOptions& options)
    : args_(args),
      overlap_(options.overlap),
      alone_(args.replicas.size() == 1),
      buckets_(MakeBuckets(args.params, options)),
      bucket_of_unit_(args.params.num_units()),
      unit_ready_(args.params.num_units(), false),
      units_missing_(buckets_.size()) {
  for (size_t i = 0; i < buckets_.size(); ++i) {
    const GradBucket& bucket = buckets_[i];
    units_missing_[i] = NumUnits(bucket);
    std::fill_n(bucket_of_unit_.begin() + bucket.first_unit, NumUnits(bucket),
                i);
  }
}

void GradSync::UnitReady(ParamStore::UnitId unit) {
  if (alone_) return;
  COG_CHECK(!unit_ready_[unit], args_.params.unit_name(unit),
            " is ready twice in one step");
  unit_ready_[unit] = true;
  --units_missing_[bucket_of_unit_[unit]];
  if (overlap_) StartReady();
}

void GradSync::StartReady() {
  for (; started_ < static_cast<int>(buckets_.size()); ++started_) {
    if (units_missing_[started_] > 0) return;
    if (started_ == 0) {
      start_seconds_ = MonotonicSeconds();
      bytes_before_ = args_.replicas.traffic().data_bytes;
    }
    args_.communication.Wait(args_.compute.Record());
    args_.replicas.AllReduceSum(
        args_.communication, args_.params.gradients(buckets_[started_].range));
  }
}

void GradSync::Finish() {
  if (alone_) return;
  StartReady();
  COG_CHECK_EQ(started_, static_cast<int>(buckets_.size()));
  args_.compute.Synchronize();
  const double computed = MonotonicSeconds();
  args_.compute.Wait(args_.communication.Record());
  // The host waits here and not in the next kernel: it is about to read the
  // gradients' norm anyway, and so the waiting is timed.
  args_.compute.Synchronize();
  const double end = MonotonicSeconds();
  stats_ = {.bytes = args_.replicas.traffic().data_bytes - bytes_before_,
            .total_seconds = end - start_seconds_,
            .exposed_seconds = end - computed};

  started_ = 0;
  std::fill(unit_ready_.begin(), unit_ready_.end(), false);
  for (size_t i = 0; i < buckets_.size(); ++i) {
    units_missing_[i] = NumUnits(buckets_[i]);
  }
}

}  // namespace cogdist
