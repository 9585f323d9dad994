// Saving and loading on a real disk, in bytes of state a second, in turns with
// as many dd processes that write (with fsync) and read the same number of
// bytes. Files go to TMPDIR.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "parallel/checkpoint/checkpoint_writer.h"
#include "parallel/checkpoint/restore.h"
#include "runtime/clock.h"
#include "runtime/posix_file_system.h"
#include "tests/temp_dir.h"
#include "tests/testing/rank_threads.h"

namespace cogdist {
namespace {

constexpr int kBlocks = 12;
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

// Runs a command for each of a number of processes at once, "#" replaced by the
// process's number; the seconds that all of them took.
double InParallel(int processes, const std::string& command) {
  std::string line;
  for (int i = 0; i < processes; ++i) {
    absl::StrAppend(&line,
                    absl::StrReplaceAll(command, {{"#", std::to_string(i)}}),
                    " 2>/dev/null & ");
  }
  const double start = MonotonicSeconds();
  COG_CHECK_EQ(std::system((line + "wait").c_str()), 0);
  return MonotonicSeconds() - start;
}

// Takes all files below a folder out of the system's cache.
void DropFromCache(const std::string& folder) {
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const UniqueFd fd(open(entry.path().c_str(), O_RDONLY));
    COG_CHECK_EQ(fsync(fd.get()), 0);
    COG_CHECK_EQ(posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
  }
}

// Ours and dd's seconds for the same bytes, turn by turn. The best of each are
// compared: whatever else the machine does only adds to them.
struct Turns {
  std::vector<double> ours, dd;

  void Report(benchmark::State& state) const {
    size_t turn = 0;
    for (auto _ : state) state.SetIterationTime(ours[turn++]);
    state.SetBytesProcessed(state.iterations() * kBytes);
    const double best = *std::min_element(ours.begin(), ours.end());
    const double best_dd = *std::min_element(dd.begin(), dd.end());
    state.counters["best_ms"] = 1e3 * best;
    state.counters["best_dd_ms"] = 1e3 * best_dd;
    state.counters["of_dd"] = best_dd / best;
  }
};

constexpr int kTurns = 5;

// The most memory that this process has had so far.
int64_t PeakResidentBytes() {
  rusage usage;
  COG_CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
  return usage.ru_maxrss * int64_t{1024};
}

// One rank's part of a benchmark: a store and a writer.
class Rank {
 public:
  Rank(RankContext& context, const std::string& dir, int stage)
      : context_(context), dir_(dir) {
    WithStore(context, params_, stage);
    Communicator& world = *context.groups.world;
    const auto attempt = BeginAttempt(PosixFileSystem(), dir, world);
    COG_CHECK_OK(attempt.status());
    writer_ = std::make_unique<CheckpointWriter>(
        CheckpointWriter::Options{
            .files = PosixFileSystem(), .run_dir = dir, .attempt = *attempt},
        world);
  }

  CheckpointWriter::Outcome Save() {
    CheckpointManifest head;
    head.mutable_train_state()->set_step(++step_);
    writer_->Start(params_, *context_.streams.compute, head);
    CheckpointWriter::Outcome outcome = *writer_->Finish();
    COG_CHECK_OK(outcome.status);
    return outcome;
  }

  void Restore() {
    const auto restored = RestoreNewest(
        {.files = PosixFileSystem(), .context = context_, .params = params_},
        dir_);
    COG_CHECK_OK(restored.status());
    context_.groups.world->Barrier();
  }

  // Rank 0 does it while the others wait.
  template <typename Function>
  void Alone(Function function) {
    context_.groups.world->Barrier();
    if (context_.rank() == 0) function();
    context_.groups.world->Barrier();
  }

 private:
  RankContext& context_;
  const std::string dir_;
  ParamStore params_;
  std::unique_ptr<CheckpointWriter> writer_;
  int64_t step_ = 0;
};

// Arguments: ranks, or dd's processes. From the copy in memory, for which
// training is blocked, until all is durable.
void BM_Save(benchmark::State& state) {
  const int ranks = state.range(0);
  const TempDir dir;
  Turns turns;
  double blocked = 0;
  int64_t peak = 0;
  testing::RunRankContexts(ranks, [&](RankContext& context) {
    Rank rank(context, dir.path(), 0);
    rank.Alone([&] { peak = PeakResidentBytes(); });
    rank.Save();  // also makes the host buffers
    for (int turn = 0; turn < kTurns; ++turn) {
      rank.Alone([&] {
        turns.dd.push_back(InParallel(
            ranks,
            absl::StrCat("dd if=/dev/zero bs=1M conv=fsync of=", dir / "dd#",
                         " count=", (kBytes >> 20) / ranks)));
        InParallel(ranks, absl::StrCat("rm ", dir / "dd#"));
      });
      const CheckpointWriter::Outcome outcome = rank.Save();
      if (context.rank() != 0) continue;
      turns.ours.push_back(outcome.seconds - outcome.blocked_seconds);
      blocked = outcome.blocked_seconds;
    }
  });
  turns.Report(state);
  state.counters["blocked_ms"] = 1e3 * blocked;
  // Beyond what the process had; of the first arguments only.
  state.counters["host_copies"] =
      static_cast<double>(PeakResidentBytes() - peak) / kBytes;
}
BENCHMARK(BM_Save)
    ->Arg(1)
    ->Arg(2)
    ->Arg(4)
    ->UseManualTime()
    ->Iterations(kTurns)
    ->Unit(benchmark::kMillisecond);

// Arguments: ranks, which share the state out; whether files come from the
// disk, or from the system's cache: then it is what checking and placing cost.
// Until the slowest rank has its part.
void BM_Load(benchmark::State& state) {
  const int ranks = state.range(0);
  const bool cold = state.range(1) != 0;
  const TempDir dir;
  Turns turns;
  testing::RunRankContexts(ranks, [&](RankContext& context) {
    Rank rank(context, dir.path(), 3);
    rank.Save();
    rank.Alone([&] {
      InParallel(ranks, absl::StrCat(
                            "dd if=/dev/zero bs=1M conv=fsync of=", dir / "dd#",
                            " count=", (kBytes >> 20) / ranks));
    });
    const auto drop = [&] {
      if (cold) DropFromCache(dir.path());
    };
    for (int turn = 0; turn < kTurns; ++turn) {
      rank.Alone([&] {
        drop();
        turns.dd.push_back(InParallel(
            ranks, absl::StrCat("dd of=/dev/null bs=1M if=", dir / "dd#")));
        drop();
      });
      const double start = MonotonicSeconds();
      rank.Restore();
      if (context.rank() == 0) turns.ours.push_back(MonotonicSeconds() - start);
    }
  });
  turns.Report(state);
}
BENCHMARK(BM_Load)
    ->ArgsProduct({{1, 2, 4}, {0, 1}})
    ->UseManualTime()
    ->Iterations(kTurns)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cogdist

BENCHMARK_MAIN();
