// Layouts and networks drawn from a seed train as one rank does.
// COGDIST_RANDOM_DRAWS sets how many are drawn, COGDIST_RANDOM_SEED from which
// seed on.

#include <string>

#include "gtest/gtest.h"
#include "tests/temp_dir.h"
#include "tests/testing/layout_training.h"
#include "tests/testing/random_layout.h"
#include "tests/testing/same_training.h"

namespace cogdist {
namespace {

using testing::LayoutRun;
using testing::Training;

TEST(RandomLayoutTest, TrainsAsOneRankDoes) {
  for (const uint64_t seed : testing::Seeds(60)) {
    const LayoutRun run = testing::DrawRun(seed);
    SCOPED_TRACE(absl::StrCat("seed ", seed, ": ", Describe(run)));
    testing::Announce("one rank", seed, run);
    testing::ExpectTrainsAsOneRank(run);
  }
}

// The same network, batch, tensor and context degree; all else drawn anew.
LayoutRun DrawSameBits(const LayoutRun& base, testing::Draw& draw) {
  while (true) {
    LayoutRun run = base;
    ParallelConfig& parallel = *run.config.mutable_parallel();
    parallel.Clear();
    DrawParallel(draw, base.config.model().cogformer().num_layers(), parallel);
    parallel.set_tensor(base.config.parallel().tensor());
    parallel.set_context(base.config.parallel().context());
    parallel.set_sequence_parallel(base.config.parallel().sequence_parallel());
    run.world =
        static_cast<int>(parallel.tensor() * parallel.context() *
                         parallel.pipeline() * draw.Of({1, 2, 2, 4, 4, 8}));
    run.config.mutable_batch()->set_micro_batch_size(draw.Of({1, 1, 2, 4}));
    run.config.set_activation_checkpointing(
        static_cast<ActivationCheckpointing>(draw.Below(3)));
    testing::FinishRun(run.config);
    if (run.world <= 16 && ValidateConfig(run.config, {.world_size = run.world,
                                                       .check_files = false})
                               .ok()) {
      return run;
    }
  }
}

// A network on few ranks, of which no axis is one that bits depend on.
LayoutRun DrawBase(uint64_t seed, testing::Draw& draw) {
  for (;; seed += 1000003) {
    LayoutRun run = testing::DrawRun(seed);
    ParallelConfig& parallel = *run.config.mutable_parallel();
    run.world = static_cast<int>(parallel.tensor() * parallel.context());
    if (run.world > 4) continue;
    parallel.clear_pipeline();
    parallel.clear_virtual_pipeline();
    parallel.clear_layers_per_stage();
    parallel.clear_zero_stage();
    run.config.set_deterministic(LAYOUT_INVARIANT);
    run.config.set_precision(draw.OneIn(2) ? BF16 : FP32);
    run.config.mutable_batch()->set_global_batch_size(draw.Of({4, 8, 12, 16}));
    run.config.mutable_batch()->set_micro_batch_size(1);
    testing::FinishRun(run.config);
    if (ValidateConfig(run.config,
                       {.world_size = run.world, .check_files = false})
            .ok()) {
      return run;
    }
  }
}

TEST(RandomLayoutTest, LayoutInvariantRunsHaveTheSameBits) {
  const TempDir dir;
  for (const uint64_t seed : testing::Seeds(20)) {
    testing::Draw draw(seed);
    const LayoutRun base = DrawBase(seed, draw);
    const Training want = testing::Train(base, "", dir / "weights");
    for (int i = 0; i < 3; ++i) {
      const LayoutRun run = DrawSameBits(base, draw);
      SCOPED_TRACE(absl::StrCat("seed ", seed, ": ", Describe(run)));
      testing::Announce("same bits", seed, run);
      const Training got = testing::Train(run, "", dir / "weights");
      EXPECT_EQ(got.history, want.history);
      EXPECT_TRUE(got.weights == want.weights);
    }
  }
}

}  // namespace
}  // namespace cogdist
