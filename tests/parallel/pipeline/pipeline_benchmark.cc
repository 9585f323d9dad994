// Idle time of a pipeline whose passes take a fixed time: ranks are threads
// that sleep instead of computing, so that more ranks than cores are no
// hindrance.
//   build/parallel_pipeline_pipeline_benchmark
// `idle` is the step's time over that of a rank's passes, less one; `formula`
// is (p - 1) / (v m). `waited` is rank 0's own figure over its passes.

#include "parallel/pipeline/pipeline.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "runtime/check.h"
#include "runtime/clock.h"
#include "tests/testing/rank_threads.h"

namespace cogdist {
namespace {

constexpr double kForwardSeconds = 5e-3;
constexpr double kKernelSeconds = 0.25e-3;  // communication advances between
constexpr double kBackwardSeconds = 10e-3;

// A rank's passes take the same time in all, however many chunks share it.
class SleepingStage : public Stage {
 public:
  SleepingStage(Device& device, int chunks)
      : device_(device), chunks_(chunks) {}
  void Forward(const ForwardWork&) override { Sleep(kForwardSeconds); }
  void Backward(const BackwardWork&) override { Sleep(kBackwardSeconds); }
  void Evaluate(const ForwardWork&) override { Sleep(kForwardSeconds); }

  double slept_seconds = 0;

 private:
  void Sleep(double seconds) {
    const double start = MonotonicSeconds();
    const double end = start + seconds / chunks_;
    while (MonotonicSeconds() < end) {
      std::this_thread::sleep_for(std::chrono::duration<double>(
          std::min(kKernelSeconds, end - MonotonicSeconds())));
      device_.Progress();
    }
    slept_seconds += MonotonicSeconds() - start;
  }

  Device& device_;
  const int chunks_;
};

struct Measured {
  double seconds = 0;         // of a step, the slowest rank's
  double work_seconds = 0;    // of rank 0's passes
  double waited_seconds = 0;  // by rank 0
};

// One step of a warm pipeline with activations of 64 KiB.
Measured Step(const PipelineShape& shape) {
  Measured result;
  testing::RunRanks(shape.ranks, [&](testing::TestRank& self) {
    auto pipeline = Pipeline::Create({.group = *self.world,
                                      .compute = *self.compute,
                                      .boundary = {64, 256},
                                      .chunks = shape.chunks,
                                      .micro_batches = shape.micro_batches});
    COG_CHECK_OK(pipeline.status());
    SleepingStage warm_up(self.device, 100);
    (*pipeline)->Train(warm_up);
    self.world->Barrier();
    SleepingStage stage(self.device, shape.chunks);
    (*pipeline)->Train(stage);
    double seconds[] = {(*pipeline)->stats().total_seconds};
    self.world->AllReduceMaxHost(absl::MakeSpan(seconds));
    if (self.rank != 0) return;
    result = {.seconds = seconds[0],
              .work_seconds = stage.slept_seconds,
              .waited_seconds = (*pipeline)->stats().waited_seconds};
  });
  return result;
}

void BM_Step(benchmark::State& state) {
  const PipelineShape shape = {
      .ranks = static_cast<int>(state.range(0)),
      .chunks = static_cast<int>(state.range(1)),
      .micro_batches = static_cast<int>(state.range(2))};
  double idle = 0;
  double waited = 0;
  for (auto _ : state) {
    const Measured step = Step(shape);
    state.SetIterationTime(step.seconds);
    idle += step.seconds / step.work_seconds - 1;
    waited += step.waited_seconds / step.work_seconds;
  }
  state.counters["idle"] = idle / state.iterations();
  state.counters["waited"] = waited / state.iterations();
  state.counters["formula"] =
      (shape.ranks - 1.0) / (shape.chunks * shape.micro_batches);
}
BENCHMARK(BM_Step)
    ->ArgNames({"p", "v", "m"})
    ->ArgsProduct({{2, 4}, {1, 2, 4}, {8, 10}})
    ->Iterations(3)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cogdist

BENCHMARK_MAIN();
