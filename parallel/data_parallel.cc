#include "parallel/data_parallel.h"

namespace cogdist {
namespace {

ReplicaSyncArgs SyncArgs(ParamStore& params, RankContext& context,
                         TrafficTimer& timer,
                         const DataParallelOptions& options) {
  return {.params = params,
          .replicas = *context.groups.replicas,
          .compute = *context.streams.compute,
          .communication = *context.streams.replicas,
          .timer = timer,
          .overlap = options.overlap};
}

}  // namespace

DataParallel::DataParallel(ParamStore& params, RankContext& context,
                           const DataParallelOptions& options)
    : context_(context),
      timer_(*context.streams.compute, *context.streams.replicas),
      gradients_(SyncArgs(params, context, timer_, options)),
      weights_(SyncArgs(params, context, timer_, options)) {}

void DataParallel::BeginStep(int micro_batches) {
  gradients_.BeginStep(micro_batches);
  weights_.BeginStep();
}

void DataParallel::Begin(ParamStore::UnitId unit, Pass pass) {
  weights_.Begin(unit);
  if (pass == Pass::kBackward) gradients_.Begin(unit);
}

void DataParallel::End(ParamStore::UnitId unit, Pass pass) {
  if (pass == Pass::kBackward) gradients_.End(unit);
  weights_.End(unit);
}

void DataParallel::FinishGradients() {
  gradients_.Finish();
  const TrafficTimer::Totals seconds = timer_.Take();
  const int64_t bytes = context_.groups.replicas->traffic().data_bytes;
  stats_ = {.bytes = bytes - bytes_before_,
            .total_seconds = seconds.busy_seconds,
            .exposed_seconds = seconds.waited_seconds};
  bytes_before_ = bytes;
}

}  // namespace cogdist
