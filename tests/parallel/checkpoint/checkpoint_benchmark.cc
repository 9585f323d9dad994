// Saving and loading on a real disk, in bytes of state a second. Files go to
// TMPDIR; compare with `dd conv=fsync` there.

#include <benchmark/benchmark.h>

#include "absl/strings/str_cat.h"
#include "parallel/checkpoint/checkpoint_writer.h"
#include "parallel/checkpoint/restore.h"
#include "runtime/posix_file_system.h"
#include "tests/temp_dir.h"
#include "tests/testing/rank_threads.h"

namespace cogdist {
namespace {

constexpr int kBlocks = 4;
constexpr int64_t kBytes = kBlocks * int64_t{2048} * 2048 * 3 * 4;

void WithStore(RankContext& context, ParamStore& params, int stage) {
  for (int block = 0; block < kBlocks; ++block) {
    params.AddUnit("block");
    params.Add(block,
               {.tensors = {{absl::StrCat("w", block), Shape({2048, 2048})}},
                .init = {}});
  }
  Communicator& replicas = *context.groups.replicas;
  COG_CHECK_OK(params.Allocate({.device = *context.device,
                                .stream = *context.streams.compute,
                                .zero_stage = stage,
                                .replicas = replicas.size(),
                                .replica = replicas.rank()}));
}

// Arguments: ranks. The manual time is rank 0's until all is durable.
void BM_Save(benchmark::State& state) {
  for (auto _ : state) {
    const TempDir dir;
    double seconds = 0, blocked = 0;
    testing::RunRankContexts(state.range(0), [&](RankContext& context) {
      ParamStore params;
      WithStore(context, params, 0);
      Communicator& world = *context.groups.world;
      const auto attempt = BeginAttempt(PosixFileSystem(), dir.path(), world);
      CheckpointWriter writer({.files = PosixFileSystem(),
                               .run_dir = dir.path(),
                               .attempt = *attempt},
                              world);
      CheckpointManifest head;
      // The first one also makes the host buffers.
      for (const int step : {1, 2}) {
        head.mutable_train_state()->set_step(step);
        writer.Start(params, *context.streams.compute, head);
        const auto outcome = writer.Finish();
        COG_CHECK_OK(outcome->status);
        if (context.rank() != 0) continue;
        seconds = outcome->seconds;
        blocked = outcome->blocked_seconds;
      }
    });
    state.SetIterationTime(seconds);
    state.counters["blocked_ms"] = 1e3 * blocked;
  }
  state.SetBytesProcessed(state.iterations() * kBytes);
}
BENCHMARK(BM_Save)->Arg(1)->Arg(2)->UseManualTime()->Iterations(3)->Unit(
    benchmark::kMillisecond);

// From memory, if it holds the file: what checking and placing costs.
void BM_Load(benchmark::State& state) {
  const TempDir dir;
  testing::RunRankContexts(1, [&](RankContext& context) {
    ParamStore params;
    WithStore(context, params, 0);
    Communicator& world = *context.groups.world;
    const auto attempt = BeginAttempt(PosixFileSystem(), dir.path(), world);
    CheckpointWriter writer({.files = PosixFileSystem(),
                             .run_dir = dir.path(),
                             .attempt = *attempt},
                            world);
    CheckpointManifest head;
    head.mutable_train_state()->set_step(1);
    writer.Start(params, *context.streams.compute, head);
    const auto outcome = writer.Finish();
    COG_CHECK_OK(outcome->status);
    for (auto _ : state) {
      const auto restored = RestoreNewest(
          {.files = PosixFileSystem(), .context = context, .params = params},
          dir.path());
      COG_CHECK_OK(restored.status());
    }
  });
  state.SetBytesProcessed(state.iterations() * kBytes);
}
BENCHMARK(BM_Load)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cogdist

BENCHMARK_MAIN();
