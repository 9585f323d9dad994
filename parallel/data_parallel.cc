#include "parallel/data_parallel.h"

#include "absl/functional/function_ref.h"
#include "runtime/clock.h"

namespace cogdist {
namespace {

ReplicaSyncArgs SyncArgs(ParamStore& params, RankContext& context,
                         TrafficTimer& timer) {
  return {.params = params,
          .replicas = *context.groups.replicas,
          .compute = *context.streams.compute,
          .communication = *context.streams.replicas,
          .timer = timer};
}

}  // namespace

DataParallel::DataParallel(ParamStore& params, RankContext& context)
    : context_(context),
      params_(params),
      timer_(*context.streams.compute, *context.streams.replicas),
      gradients_(SyncArgs(params, context, timer_)),
      weights_(SyncArgs(params, context, timer_)) {}

void DataParallel::set_overlap(bool overlap) {
  gradients_.set_overlap(overlap);
  weights_.set_overlap(overlap);
}

void DataParallel::BeginStep(int micro_batches) {
  micro_batches_ = micro_batches;
  gradients_.BeginStep(micro_batches);
  weights_.BeginStep();
}

void DataParallel::Begin(ParamStore::UnitId unit, Pass pass) {
  if (ReadsWeights(pass)) weights_.Begin(unit);
  if (AddsGradients(pass)) gradients_.Begin(unit);
}

void DataParallel::End(ParamStore::UnitId unit, Pass pass) {
  if (AddsGradients(pass)) gradients_.End(unit);
  if (ReadsWeights(pass)) weights_.End(unit);
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

double DataParallel::SecondsAlone() {
  Stream& stream = *context_.streams.replicas;
  const auto seconds = [&](absl::FunctionRef<void(ParamStore::UnitId)> send) {
    context_.groups.replicas->Barrier();
    const double start = MonotonicSeconds();
    for (ParamStore::UnitId unit = 0; unit < params_.num_units(); ++unit) {
      send(unit);
    }
    stream.Synchronize();
    return MonotonicSeconds() - start;
  };
  context_.streams.compute->Synchronize();
  stream.Synchronize();
  const double reduce = seconds([&](int u) { gradients_.SendForTiming(u); });
  const double gather = seconds([&](int u) { weights_.SendForTiming(u); });
  timer_.Take();
  bytes_before_ = context_.groups.replicas->traffic().data_bytes;
  // As often as a step does it; every use at stage 3 is a gathering.
  const int stage = params_.zero_stage();
  const bool each = stage >= 2 && params_.lanes() == 0;
  return (each ? micro_batches_ : 1) * reduce +
         (stage == 3 ? 2 * micro_batches_ : 1) * gather;
}

}  // namespace cogdist
