// Layouts and networks drawn from a seed train on virtual GPUs as one rank does
// on the host, with as little room for collectives as there may be: see
// RoomTest in gpu_step_test.cc. The third step is recorded.

#include <functional>

#include "gmock/gmock.h"
#include "tests/testing/gpu_rank_threads.h"
#include "tests/testing/random_layout.h"
#include "tests/testing/same_training.h"
#include "tests/vgpu/runtime/machine.h"

namespace cogdist {
namespace {

using ::testing::IsEmpty;
using testing::LayoutRun;

void StartOnGpus(const LayoutRun& run,
                 const std::function<void(RankContext&)>& body) {
  testing::RunGpuRankContexts(*CogdistGpuBackend(), run.world,
                              run.config.parallel(), body);
}

TEST(GpuRandomLayoutTest, TrainsAsOneRankOnTheHostDoes) {
  for (const uint64_t seed : testing::Seeds(6)) {
    LayoutRun run = testing::DrawRun(seed, /*max_world=*/8);
    SCOPED_TRACE(absl::StrCat("seed ", seed, ": ", Describe(run)));
    testing::Announce("virtual GPUs", seed, run);
    run.config.set_device(CUDA);
    vgpu::Machine machine(
        {.devices = run.world,
         .seed = seed,
         .check_kernels = false,
         .concurrent_collectives = testing::RoomFor(run.config.parallel()),
         .share_queues = true});
    testing::ExpectTrainsAsOneRank(run, StartOnGpus);
    EXPECT_EQ(machine.calls("cudaGraphLaunch"), run.world);
    EXPECT_THAT(machine.reports(), IsEmpty());
  }
}

}  // namespace
}  // namespace cogdist
