#include "launcher/bench/step_benchmark.h"

#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "launcher/config.h"
#include "launcher/human_format.h"
#include "launcher/peak_flops.h"
#include "launcher/training_step.h"
#include "models/cost.h"
#include "models/init.h"
#include "runtime/check.h"
#include "runtime/cpu/cpu_stream.h"
#include "runtime/rng.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// The run's micro-batch shape filled with random tokens.
void FillRandom(const RunConfig& config, int64_t index, Batch& batch) {
  const int64_t vocab = config.model().cogformer().vocab_size();
  batch.shape = {SequencesPerPass(config), config.data().seq_len()};
  batch.num_targets = batch.shape.num_elements();
  batch.inputs.resize(batch.num_targets);
  batch.targets.resize(batch.num_targets);
  const Rng rng(index, "bench");
  for (int64_t i = 0; i < batch.num_targets; ++i) {
    batch.inputs[i] = static_cast<int32_t>(rng.Below(vocab, 2 * i));
    batch.targets[i] = static_cast<int32_t>(rng.Below(vocab, 2 * i + 1));
  }
}

// The most memory that the process has ever had resident, in bytes.
int64_t PeakResidentBytes() {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * int64_t{1024};
}

// What each rank has measured of the same steps: [ranks][steps].
std::vector<std::vector<double>> OfAllRanks(Communicator& world,
                                            const std::vector<double>& mine) {
  std::vector<std::vector<double>> all;
  for (const std::string& text :
       world.AllGatherStrings(absl::StrJoin(mine, " "))) {
    std::vector<double>& values = all.emplace_back();
    for (const absl::string_view word : absl::StrSplit(text, ' ')) {
      COG_CHECK(absl::SimpleAtod(word, &values.emplace_back()));
    }
  }
  return all;
}

// Medians over steps of the mean and of the least over ranks.
struct OverRanks {
  double mean = 0;
  double least = 0;
};

OverRanks Summarize(Communicator& world, const std::vector<double>& mine) {
  std::vector<double> means(mine.size());
  std::vector<double> least = mine;
  for (const std::vector<double>& rank : OfAllRanks(world, mine)) {
    for (size_t i = 0; i < rank.size(); ++i) {
      means[i] += rank[i] / world.size();
      least[i] = std::min(least[i], rank[i]);
    }
  }
  return {.mean = Median(std::move(means)), .least = Median(std::move(least))};
}

// Of each timed step.
struct Samples {
  std::vector<double> seconds;
  std::vector<double> waited;   // for any messages
  std::vector<double> exposed;  // for those of replicas
  std::vector<double> idle;     // of the pipeline, over the time of its passes
};

class StepBenchmark {
 public:
  StepBenchmark(const RunConfig& config, RankContext& context,
                TrainingStep& training)
      : config_(config), context_(context), training_(training) {}

  absl::Status Run(int64_t steps) {
    COG_RETURN_IF_ERROR(RunOne(nullptr));
    if (!HasReplicas()) return RunSeveral(1, steps, overlapped_);
    // The first step after a change is not timed: weights that the one before
    // has left to be gathered are waited for in it.
    constexpr int64_t kTurn = 2;
    for (int64_t done = 0; done < steps; done += kTurn) {
      const int64_t turn = std::min(kTurn, steps - done);
      COG_RETURN_IF_ERROR(RunSeveral(1, turn, overlapped_));
      training_.data_parallel().set_overlap(false);
      COG_RETURN_IF_ERROR(RunSeveral(1, turn, plain_));
      training_.data_parallel().set_overlap(true);
    }
    return absl::OkStatus();
  }

  std::vector<BenchmarkRow> Rows(double peak_flops) {
    std::vector<BenchmarkRow> rows = SpeedRows(peak_flops);
    if (HasReplicas()) rows.push_back(OverlapRow());
    if (context_.groups.pipeline->size() > 1) rows.push_back(PipelineRow());
    if (context_.world_size() > 1 && KnowsWaiting()) {
      rows.push_back(WaitingRow());
    }
    return rows;
  }

 private:
  bool HasReplicas() const { return context_.groups.replicas->size() > 1; }

  bool KnowsWaiting() const {
    return context_.device->type() == DeviceType::kCpu;
  }

  double WaitedSeconds() const {
    if (!KnowsWaiting()) return 0;
    return AsCpuStream(*context_.streams.compute).waited_seconds();
  }

  absl::Status RunSeveral(int64_t warm_up, int64_t steps, Samples& samples) {
    for (int64_t i = 0; i < warm_up + steps; ++i) {
      COG_RETURN_IF_ERROR(RunOne(i < warm_up ? nullptr : &samples));
    }
    return absl::OkStatus();
  }

  absl::Status RunOne(Samples* samples) {
    const auto load = [&](int64_t micro_batch, Batch& batch) {
      FillRandom(config_, micro_batch, batch);
      return absl::OkStatus();
    };
    const double waited = WaitedSeconds();
    COG_ASSIGN_OR_RETURN(const TrainingStep::Result result,
                         training_.Run(++step_, load));
    if (samples == nullptr) return absl::OkStatus();
    const Pipeline::Stats& pipeline = training_.runner().pipeline().stats();
    samples->seconds.push_back(result.seconds);
    samples->waited.push_back(WaitedSeconds() - waited);
    samples->exposed.push_back(
        training_.data_parallel().stats().exposed_seconds);
    samples->idle.push_back(pipeline.waited_seconds /
                            (pipeline.total_seconds - pipeline.waited_seconds));
    return absl::OkStatus();
  }

  std::vector<BenchmarkRow> SpeedRows(double peak_flops) const {
    const double seconds = Median(overlapped_.seconds);
    const double tokens = static_cast<double>(TokensPerStep(config_));
    const double flops = tokens / seconds *
                         TrainingFlopsPerToken(config_.model().cogformer(),
                                               config_.data().seq_len());
    const int64_t peak_bytes = context_.device->memory().peak_bytes;
    const double planned = training_.plan().memory.device();
    return {{.what = absl::StrCat("training step ", config_.name(), " ",
                                  Precision_Name(config_.precision())),
             .rate = flops,
             .unit = "FLOP",
             .share = flops / peak_flops},
            {.what = "training step",
             .rate = tokens / seconds,
             .unit = "token",
             .notes = absl::StrFormat(
                 "%.4f s a step, peak memory %s (%s of the plan), resident %s",
                 seconds, FormatBytes(peak_bytes),
                 FormatPercent(peak_bytes / planned),
                 FormatBytes(PeakResidentBytes()))}};
  }

  std::string HiddenTraffic() {
    Communicator& world = *context_.groups.world;
    const OverRanks exposed = Summarize(world, overlapped_.exposed);
    const OverRanks plain = Summarize(world, plain_.exposed);
    const double alone =
        Summarize(world, {training_.data_parallel().SecondsAlone()}).mean;
    return absl::StrFormat(
        "%s hidden: %.1f ms of %.1f waited (%.1f without overlap), %.1f with "
        "waiting for late ranks; ",
        FormatPercent(1 - exposed.least / alone), 1e3 * exposed.least,
        1e3 * alone, 1e3 * plain.least, 1e3 * exposed.mean);
  }

  BenchmarkRow OverlapRow() {
    return {.what = absl::StrCat("overlap, ", context_.groups.replicas->size(),
                                 " replicas"),
            .notes = absl::StrCat(
                KnowsWaiting() ? HiddenTraffic() : "",
                absl::StrFormat(
                    "step time %.3f of that without overlap",
                    Median(overlapped_.seconds) / Median(plain_.seconds)))};
  }

  BenchmarkRow PipelineRow() const {
    const PipelineShape& shape = training_.runner().pipeline().shape();
    const double formula = static_cast<double>(shape.ranks - 1) /
                           (shape.chunks * shape.micro_batches);
    return {
        .what = absl::StrCat("pipeline of ", shape.ranks, " x ", shape.chunks,
                             ", ", shape.micro_batches, " micro-batches"),
        .notes = absl::StrFormat("idle %s of its passes' time, by formula %s",
                                 FormatPercent(Median(overlapped_.idle)),
                                 FormatPercent(formula))};
  }

  BenchmarkRow WaitingRow() const {
    const OverRanks waited =
        Summarize(*context_.groups.world, overlapped_.waited);
    const double seconds = Median(overlapped_.seconds);
    return {
        .what = "waiting for messages",
        .notes = absl::StrFormat("%s of a step, mean of the ranks; least %s",
                                 FormatPercent(waited.mean / seconds),
                                 FormatPercent(waited.least / seconds))};
  }

  const RunConfig& config_;
  RankContext& context_;
  TrainingStep& training_;
  int64_t step_ = 0;
  Samples overlapped_;
  Samples plain_;
};

}  // namespace

absl::StatusOr<std::vector<BenchmarkRow>> BenchmarkSteps(
    const RunConfig& config, RankContext& context, int64_t steps) {
  COG_ASSIGN_OR_RETURN(const std::unique_ptr<TrainingStep> training,
                       TrainingStep::Create(config, context));
  InitializeParameters(training->runner().params(), *context.streams.compute,
                       config.seed());
  COG_ASSIGN_OR_RETURN(const double peak, PeakFlops(config, context));
  StepBenchmark benchmark(config, context, *training);
  COG_RETURN_IF_ERROR(benchmark.Run(steps));
  return benchmark.Rows(peak);
}

}  // namespace cogdist
