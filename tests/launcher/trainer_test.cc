// Training that is stopped and resumed has the bits of training that is not:
// weights, moments and counts, for any number of stops, on ranks as threads.

#include "launcher/trainer.h"

#include <omp.h>

#include <mutex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "launcher/config_override.h"
#include "launcher/resume.h"
#include "parallel/checkpoint/run_owner.h"
#include "runtime/data/indexed_dataset_writer.h"
#include "tests/launcher/small_config.h"
#include "tests/temp_dir.h"
#include "tests/testing/fake_file_system.h"
#include "tests/testing/rank_threads.h"

namespace cogdist {
namespace {

using testing::FakeFileSystem;

// What a rank has in the end: the bytes of its weights and moments, and what it
// has counted.
struct Outcome {
  std::string bytes;
  std::string counts;
  bool operator==(const Outcome&) const = default;
};

class TrainerTest : public ::testing::Test {
 protected:
  TrainerTest() : config_(testing::SmallConfig()) {
    for (const auto& [name, first] : {std::pair("a", 1), std::pair("b", 30)}) {
      auto writer = IndexedDatasetWriter::Create(dir_ / name, 64);
      COG_CHECK_OK(writer.status());
      std::vector<int32_t> ids(300);
      for (int i = 0; i + 1 < 300; ++i) ids[i] = first + i * i % 31;
      COG_CHECK_OK(writer->AddDocument(ids));
      COG_CHECK_OK(writer->Finish({.eos_token_id = 0}).status());
      config_.mutable_data()->add_train()->set_prefix(dir_ / name);
    }
    config_.mutable_data()->mutable_train(1)->set_weight(0.3);
    config_.mutable_checkpoint()->set_every_steps(2);
    config_.set_train_steps(7);
    config_.set_run_dir("run");
    ResolveConfig("small.pbtxt", config_);
  }

  static Outcome OutcomeOf(Trainer& trainer) {
    Outcome outcome;
    const ParamStore& params = trainer.params();
    for (const ParamStore::Tensor& tensor : params.tensors()) {
      const ElementRange owned = params.owned(tensor);
      for (const TensorView& x : {params.master(owned), params.moment1(owned),
                                  params.moment2(owned)}) {
        outcome.bytes.append(static_cast<const char*>(x.data), x.bytes());
      }
    }
    outcome.counts = trainer.state().ShortDebugString();
    return outcome;
  }

  // One start of the run on this rank, up to `last_step`.
  static Trainer::End Start(FakeFileSystem& files, const RunConfig& config,
                            const StopRequest& stop, int64_t last_step,
                            RankContext& context, Outcome& outcome) {
    omp_set_num_threads(1);
    Communicator& world = *context.groups.world;
    auto trainer = Trainer::Create(config, context);
    COG_CHECK_OK(trainer.status());
    const auto found = FindStepToResume(files, config, {}, world);
    COG_CHECK_OK(found.status());
    const auto attempt = BeginAttempt(files, "run", world);
    COG_CHECK_OK(attempt.status());
    if (found->has_value()) {
      const auto resumed = Resume({.files = files,
                                   .config = config,
                                   .options = {},
                                   .attempt = *attempt,
                                   .context = context,
                                   .params = (*trainer)->params()});
      COG_CHECK_OK(resumed.status());
      (*trainer)->GoOnFrom(resumed->checkpoint.manifest.train_state());
    } else {
      COG_CHECK_OK((*trainer)->InitializeWeights());
    }
    Checkpointing checkpointing({.files = files,
                                 .config = config,
                                 .context = context,
                                 .attempt = *attempt,
                                 .tell = [](bool, absl::string_view) {}});
    const auto end = (*trainer)->Run(
        {.stop = stop, .last_step = last_step, .checkpointing = checkpointing});
    COG_CHECK_OK(end.status());
    outcome = OutcomeOf(**trainer);
    if (*end != Trainer::End::kTakenOver) {
      COG_CHECK_OK(
          checkpointing.WriteNow((*trainer)->params(), (*trainer)->state()));
    }
    return *end;
  }

  // Starts that end after these steps; by rank what the last one leaves.
  std::vector<Outcome> Train(int ranks, const std::vector<int64_t>& stops) {
    FakeFileSystem files;
    COG_CHECK_OK(files.CreateDirectory("run"));
    const StopRequest stop;
    std::vector<Outcome> outcomes(ranks);
    for (const int64_t last : stops) {
      testing::RunRankContexts(
          ranks, config_.parallel(), [&](RankContext& context) {
            EXPECT_EQ(Start(files, config_, stop, last, context,
                            outcomes[context.rank()]),
                      Trainer::End::kTrained);
          });
    }
    return outcomes;
  }

  void ExpectTheSameBits(int ranks, const std::vector<std::string>& sets) {
    SCOPED_TRACE(sets.empty() ? "" : sets.front());
    const RunConfig before = config_;
    COG_CHECK_OK(ApplyOverrides(sets, config_));
    const std::vector<Outcome> whole = Train(ranks, {7});
    EXPECT_TRUE(Train(ranks, {3, 4, 7}) == whole);
    EXPECT_TRUE(Train(ranks, {1, 2, 3, 4, 5, 6, 7}) == whole);
    config_ = before;
  }

  TempDir dir_;
  RunConfig config_;
};

TEST_F(TrainerTest, ALoneRankGoesOnWithTheSameBits) {
  ExpectTheSameBits(1, {});
  ExpectTheSameBits(1, {"precision=BF16", "batch.micro_batch_size=2"});
  ExpectTheSameBits(1, {"checkpoint.async=false", "data.shuffle=false"});
}

TEST_F(TrainerTest, EveryZeroStageGoesOnWithTheSameBits) {
  for (const char* stage : {"0", "1", "2", "3"}) {
    for (const char* precision : {"FP32", "BF16"}) {
      ExpectTheSameBits(2, {absl::StrCat("parallel.zero_stage=", stage),
                            absl::StrCat("precision=", precision)});
    }
  }
}

TEST_F(TrainerTest, RanksThatShareAModelGoOnWithTheSameBits) {
  ExpectTheSameBits(2, {"parallel.tensor=2"});
  ExpectTheSameBits(2, {"parallel.pipeline=2"});
  ExpectTheSameBits(4, {"parallel.context=2", "parallel.zero_stage=1"});
  ExpectTheSameBits(4, {"deterministic=LAYOUT_INVARIANT", "precision=BF16",
                        "parallel.tensor=2", "parallel.zero_stage=3"});
}

// A step that was skipped counts as a step, and not as an update.
TEST_F(TrainerTest, SkippedStepsAreCountedOverStops) {
  COG_CHECK_OK(ApplyOverrides(
      {"lr_schedule.peak_lr=1e30", "resilience.max_consecutive_skips=5"},
      config_));
  FakeFileSystem files;
  COG_CHECK_OK(files.CreateDirectory("run"));
  const StopRequest stop;
  const auto start = [&](int64_t last) {
    Trainer::End end = Trainer::End::kTrained;
    testing::RunRankContexts(1, [&](RankContext& context) {
      Outcome outcome;
      end = Start(files, config_, stop, last, context, outcome);
    });
    return end;
  };
  EXPECT_EQ(start(4), Trainer::End::kTrained);
  EXPECT_EQ(start(7), Trainer::End::kGaveUp);
  // And again at once, with the next step.
  EXPECT_EQ(start(7), Trainer::End::kGaveUp);
}

TEST_F(TrainerTest, ARunThatWasTakenOverEnds) {
  FakeFileSystem files;
  COG_CHECK_OK(files.CreateDirectory("run"));
  // As if by another start, just before the second save begins.
  files.SetHook([&](testing::FileCall call, absl::string_view path) {
    if (call == testing::FileCall::kCreateDirectory &&
        absl::StrContains(path, "step_00000004")) {
      COG_CHECK_OK(TakeOwnership(files, "run").status());
    }
  });
  const StopRequest stop;
  config_.set_train_steps(50);
  testing::RunRankContexts(2, [&](RankContext& context) {
    Outcome outcome;
    EXPECT_EQ(Start(files, config_, stop, 50, context, outcome),
              Trainer::End::kTakenOver);
  });
  EXPECT_TRUE(*files.Exists("run/checkpoints/step_00000002"));
  EXPECT_FALSE(*files.Exists("run/checkpoints/step_00000004"));
}

}  // namespace
}  // namespace cogdist
