// Layouts and networks drawn from a seed train on virtual GPUs as one rank does
// on the host, with as little room for collectives as there may be: see
// RoomTest in gpu_step_test.cc. The third step is recorded.

#include <string>

#include "gmock/gmock.h"
#include "tests/temp_dir.h"
#include "tests/testing/gpu_rank_threads.h"
#include "tests/testing/layout_training.h"
#include "tests/testing/random_layout.h"
#include "tests/testing/same_training.h"
#include "tests/vgpu/runtime/machine.h"

namespace cogdist {
namespace {

using ::testing::IsEmpty;
using testing::LayoutRun;
using testing::Training;

TEST(GpuRandomLayoutTest, TrainsAsOneRankOnTheHostDoes) {
  const int64_t draws = testing::FromEnvironment("COGDIST_RANDOM_DRAWS", 6);
  const uint64_t first = testing::FromEnvironment("COGDIST_RANDOM_SEED", 1);
  const TempDir dir;
  for (uint64_t seed = first; seed < first + draws; ++seed) {
    LayoutRun run = testing::DrawRun(seed, /*max_world=*/8);
    SCOPED_TRACE(absl::StrCat("seed ", seed, ": ", Describe(run)));
    testing::Announce("virtual GPUs", seed, run);
    WriteSteeredWeights(run, dir / "initial");
    const Training alone =
        testing::Train(OnOneRank(run), dir / "initial", dir / "weights");

    run.config.set_device(CUDA);
    const bool pipeline = run.config.parallel().pipeline() > 1;
    vgpu::Machine machine({.devices = run.world,
                           .seed = seed,
                           .check_kernels = false,
                           .concurrent_collectives = pipeline ? 2 : 1,
                           .share_queues = true});
    const auto start = [](const LayoutRun& on,
                          const std::function<void(RankContext&)>& body) {
      testing::RunGpuRankContexts(*CogdistGpuBackend(), on.world,
                                  on.config.parallel(), body);
    };
    const Training shared =
        testing::Train(run, dir / "initial", dir / "weights", start);
    ExpectSameTraining(shared, alone, testing::ReadWeights(dir / "initial"));
    EXPECT_EQ(machine.calls("cudaGraphLaunch"), run.world);
    EXPECT_THAT(machine.reports(), IsEmpty());
  }
}

}  // namespace
}  // namespace cogdist
