// Saved on one layout, loaded on another: every rank has the same bits as if
// it had trained there.

#include "parallel/checkpoint/restore.h"

#include <cerrno>
#include <vector>

#include "gmock/gmock.h"
#include "parallel/checkpoint/checkpoint_folders.h"
#include "parallel/checkpoint/checkpoint_loader.h"
#include "parallel/tensor_names.h"
#include "tests/parallel/checkpoint/checkpoint_harness.h"

namespace cogdist::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

void ExpectEveryPair(const std::vector<Layout>& layouts) {
  for (const Layout& from : layouts) {
    FakeFileSystem files;
    ASSERT_TRUE(files.CreateDirectory("run").ok());
    ASSERT_EQ(SaveAt(files, from, {7})[0], absl::OkStatus()) << from.ToString();
    for (const Layout& to : layouts) {
      SCOPED_TRACE(from.ToString() + " -> " + to.ToString());
      EXPECT_EQ(RestoredStep(files, to), 7);
    }
  }
}

TEST(RestoreTest, EveryLayoutLoadsEveryOther) {
  const DType bf16 = DType::kBFloat16;
  ExpectEveryPair({
      {},
      {.data = 4, .stage = 3},
      {.data = 3, .stage = 1, .precision = bf16},
      {.tensor = 4},
      {.tensor = 2, .pipeline = 2},
      {.data = 2, .context = 2, .stage = 2},
      {.pipeline = 4},
      {.data = 2, .tensor = 2, .context = 2, .pipeline = 2, .stage = 3},
      {.data = 2, .tensor = 3, .stage = 0, .precision = bf16},
  });
}

TEST(RestoreTest, TiedEmbeddingsAreStoredOnceAndLoadedTwice) {
  ExpectEveryPair({{.tied = true},
                   {.data = 2, .stage = 3, .tied = true},
                   {.data = 2, .tensor = 2, .stage = 1, .tied = true},
                   {.data = 2, .pipeline = 2, .stage = 2, .tied = true},
                   {.tensor = 2, .pipeline = 4, .tied = true}});
}

TEST(RestoreTest, ReplicasWriteAboutAsMuch) {
  for (const int stage : {0, 2}) {
    std::mutex mutex;
    std::vector<int64_t> bytes;
    FakeFileSystem files;
    ASSERT_TRUE(files.CreateDirectory("run").ok());
    OnRanks({.data = 4, .stage = stage}, [&](RankContext&, ParamStore& params) {
      int64_t mine = 0;
      for (const SliceToWrite& slice : SlicesToWrite(params)) {
        mine += slice.data.bytes();
      }
      const std::lock_guard<std::mutex> lock(mutex);
      bytes.push_back(mine);
    });
    int64_t total = 0;
    for (const int64_t mine : bytes) total += mine;
    for (const int64_t mine : bytes) {
      EXPECT_LT(std::abs(mine - total / 4), 3 * 4 * 4096 * 6);
    }
  }
}

// Reading little costs little: chunks around what is wanted.
TEST(RestoreTest, ARankReadsWhatItNeeds) {
  FakeFileSystem files;
  ASSERT_TRUE(files.CreateDirectory("run").ok());
  ASSERT_TRUE(SaveAt(files, {}, {1})[0].ok());
  const auto checkpoint =
      OpenCheckpoint(files, "run/checkpoints/step_00000001");
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  const auto bytes_of = [&](const Layout& layout) {
    std::mutex mutex;
    int64_t total = 0;
    OnRanks(layout, [&](RankContext& context, ParamStore& params) {
      const auto names = AllTensorNames(params, context.groups.pipeline.get());
      const auto read = LoadCheckpoint({.files = files,
                                        .checkpoint = *checkpoint,
                                        .params = params,
                                        .stream = *context.streams.compute,
                                        .names = names});
      ASSERT_TRUE(read.ok()) << read.status();
      const std::lock_guard<std::mutex> lock(mutex);
      total += *read;
    });
    return static_cast<double>(total);
  };
  const double whole = bytes_of({});
  EXPECT_LT(bytes_of({.data = 4, .stage = 3}), 1.2 * whole);
  EXPECT_LT(bytes_of({.pipeline = 4}), 1.01 * whole);
  // At stage 1 every rank has all weights, a third of the state.
  EXPECT_LT(bytes_of({.data = 4, .stage = 1}), 1.2 * whole * (2 + 4) / 3);
}

// So that one process can read what a thousand wrote.
TEST(RestoreTest, FewFilesAreOpenAtATime) {
  FakeFileSystem files;
  ASSERT_TRUE(files.CreateDirectory("run").ok());
  ASSERT_TRUE(SaveAt(files, {.tensor = 26, .small = true}, {1})[0].ok());
  const auto checkpoint =
      OpenCheckpoint(files, "run/checkpoints/step_00000001");
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->manifest.shards_size(), 26);
  EXPECT_EQ(RestoredStep(files, {.small = true}), 1);
  EXPECT_TRUE(VerifyCheckpoint(files, *checkpoint).empty());
  EXPECT_LE(files.most_open_readers(), 17);  // 16, and one being opened
}

// Going back would cost steps, for what somebody can put right.
TEST(RestoreTest, WhatIsNoDamageIsNotPassedOver) {
  for (const int error : {EACCES, EMFILE, ENOMEM}) {
    for (const char* file : {"manifest.pb", "shard_00001"}) {
      FakeFileSystem files;
      ASSERT_TRUE(files.CreateDirectory("run").ok());
      const Layout layout = {.data = 2, .stage = 1, .small = true};
      SaveAt(files, layout, {1, 2}, {.keep_last = 2});
      files.Fail({.call = FileCall::kOpenFile,
                  .error = error,
                  .path = absl::StrCat("step_00000002/", file)});
      const absl::Status status = Restored(files, layout).status();
      EXPECT_FALSE(status.ok());
      EXPECT_FALSE(absl::IsDataLoss(status)) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(file));
    }
  }
}

TEST(RestoreTest, AnotherModelIsRefusedByName) {
  FakeFileSystem files;
  ASSERT_TRUE(files.CreateDirectory("run").ok());
  ASSERT_TRUE(SaveAt(files, {.tied = true}, {1})[0].ok());
  EXPECT_THAT(
      std::string(
          Restored(files, {.data = 2, .small = true}).status().message()),
      AllOf(HasSubstr("step_00000001: tensor block0.up is not part"),
            HasSubstr("use the configuration")));
  ASSERT_TRUE(SaveAt(files, {.small = true}, {2})[0].ok());
  const absl::Status missing = Restored(files, {.tensor = 2}).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(missing.message()),
              HasSubstr("tensor block0.up is missing"));
}

TEST(RestoreTest, AnotherShapeIsRefusedByName) {
  FakeFileSystem files;
  ASSERT_TRUE(files.CreateDirectory("run").ok());
  ASSERT_TRUE(SaveAt(files, {.small = true}, {1})[0].ok());
  RunRankContexts(1, [&](RankContext& context) {
    ParamStore params;
    params.AddUnit("all");
    for (const char* name :
         {"table", "block0.q", "block0.k", "block0.o", "block0.gain", "out"}) {
      params.Add(0, {.tensors = {{name, Shape({37, 131})}}, .init = {}});
    }
    COG_CHECK_OK(params.Allocate(
        {.device = *context.device, .stream = *context.streams.compute}));
    const absl::Status status =
        RestoreNewest({.files = files, .context = context, .params = params},
                      "run")
            .status();
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("tensor block0.q has shape [26, 20], the model's is "
                          "[37, 131]"));
  });
}

TEST(RestoreTest, WithoutCheckpointsThereIsNothingToRestore) {
  FakeFileSystem files;
  ASSERT_TRUE(files.CreateDirectory("run").ok());
  for (int i = 0; i < 2; ++i) {
    const auto restored = Restored(files, {.data = 2});
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_FALSE(restored->checkpoint.has_value());
    EXPECT_TRUE(restored->passed_over.empty());
    (void)files.CreateDirectory("run/checkpoints");
  }
}

TEST(RestoreTest, ForInferenceTheWeightsAlone) {
  FakeFileSystem files;
  ASSERT_TRUE(files.CreateDirectory("run").ok());
  ASSERT_TRUE(SaveAt(files, {.data = 2, .stage = 3}, {3})[0].ok());
  RunRankContexts(1, [&](RankContext& context) {
    FakeModel model;
    model.Register({}, context);
    COG_CHECK_OK(model.params.Allocate({.device = *context.device,
                                        .stream = *context.streams.compute,
                                        .precision = DType::kBFloat16,
                                        .use = ParamStore::Use::kInference}));
    const auto restored =
        RestoreCheckpoint({.files = files,
                           .context = context,
                           .params = model.params,
                           .contents = CheckpointContents::kWeights},
                          "run/checkpoints/step_00000003");
    ASSERT_TRUE(restored.ok()) << restored.status();
    for (const ParamStore::Tensor& tensor : model.params.tensors()) {
      const std::vector<float> whole =
          Expected(3, tensor.named, PARAM, {0, tensor.range.count});
      const std::vector<BFloat16> low(whole.begin(), whole.end());
      const TensorView x = model.params.unit_weights(tensor.unit, tensor.range);
      EXPECT_EQ(std::memcmp(x.data, low.data(), x.bytes()), 0);
    }
  });
}

}  // namespace
}  // namespace cogdist::testing
