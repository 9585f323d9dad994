// Checkpoints of any layout as folders of weights, and back.

#include "launcher/convert/checkpoint_export.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/convert/weight_import.h"
#include "launcher/text_config.h"
#include "parallel/checkpoint/checkpoint_writer.h"
#include "runtime/bfloat16.h"
#include "runtime/file.h"
#include "tests/temp_dir.h"
#include "tests/testing/fake_file_system.h"
#include "tests/testing/layout_training.h"

namespace cogdist::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kTokenizer[] = "tests/data/tokenizer/gpt2.json";

// Tensor and pipeline ranks, so that tensors lie in boxes of several shards.
LayoutRun SmallRun() {
  LayoutRun run = {.world = 8};
  COG_CHECK_OK(ParseTextConfig("test", R"(
      model { cogformer {
        vocab_size: 523 num_layers: 3 hidden_size: 18 num_heads: 4
        num_kv_heads: 2 head_dim: 6 ffn_size: 21
        attention { softmax_layers: 0 softmax_layers: -1 } } }
      data { seq_len: 8 }
      batch { global_batch_size: 4 }
      parallel { tensor: 2 pipeline: 2 zero_stage: 1 })",
                               run.config));
  FinishRun(run.config);
  return run;
}

// Saves initial weights: as a checkpoint of step 3, whose path is returned, and
// as RUN_DIR/expected.safetensors.
std::string WriteCheckpoint(const LayoutRun& run, const std::string& run_dir) {
  COG_CHECK_OK(CreateDirectories(run_dir));
  std::string path;
  RunLayout(run, "", [&](RankContext& context, TrainingStep& step) {
    Communicator& world = *context.groups.world;
    const auto attempt = BeginAttempt(PosixFileSystem(), run_dir, world);
    COG_CHECK_OK(attempt.status());
    CheckpointWriter writer({.files = PosixFileSystem(),
                             .run_dir = run_dir,
                             .attempt = *attempt,
                             .chunk_bytes = 64},
                            world);
    CheckpointManifest head;
    head.mutable_train_state()->set_step(3);
    *head.mutable_config() = run.config;
    const ParamStore& params = step.runner().params();
    writer.Start(params, *context.streams.compute, head);
    const CheckpointWriter::Outcome outcome = *writer.Finish();
    COG_CHECK_OK(outcome.status);
    COG_CHECK_OK(
        SaveWeights(params, context, run_dir + "/expected.safetensors"));
    if (context.rank() == 0) path = outcome.path;
  });
  return path;
}

std::set<std::string> Names(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

class CheckpointExportTest : public ::testing::Test {
 protected:
  void Save(const LayoutRun& run) { path_ = WriteCheckpoint(run, run_dir_); }

  absl::StatusOr<WeightFilesSummary> Export(const ModelFolderOptions& options) {
    const auto checkpoint = OpenCheckpoint(PosixFileSystem(), path_);
    COG_CHECK_OK(checkpoint.status());
    return ExportCheckpoint(PosixFileSystem(), *checkpoint, options);
  }

  const TempDir dir_;
  const std::string run_dir_ = dir_ / "run";
  const std::string output_ = dir_ / "exported";
  std::string path_;
};

TEST_F(CheckpointExportTest, WeightsOfAnyLayoutAreTheSameBits) {
  LayoutRun run = SmallRun();
  for (const bool tied : {false, true}) {
    run.config.mutable_model()->mutable_cogformer()->set_tie_embeddings(tied);
    Save(run);
    const auto summary = Export({.path = output_});
    ASSERT_TRUE(summary.ok()) << summary.status();
    EXPECT_EQ(summary->tensors, tied ? 29 : 30);
    EXPECT_EQ(ReadWeights(output_),
              ReadWeights(run_dir_ + "/expected.safetensors"));
    EXPECT_EQ(Names(output_),
              std::set<std::string>(
                  {"config.json", "config.pbtxt", "model.safetensors"}));
    std::filesystem::remove_all(run_dir_);
    std::filesystem::remove_all(output_);
  }
}

TEST_F(CheckpointExportTest, RandomModelsOnRandomLayouts) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const LayoutRun run = DrawRun(seed, /*max_world=*/8);
    SCOPED_TRACE(Describe(run));
    Save(run);
    const auto exported = Export({.path = output_, .max_file_bytes = 5'000});
    ASSERT_TRUE(exported.ok()) << exported.status();
    const auto imported =
        ImportWeights({.path = output_, .output = {.path = dir_ / "again"}});
    ASSERT_TRUE(imported.ok()) << imported.status();
    const Weights expected = ReadWeights(run_dir_ + "/expected.safetensors");
    EXPECT_EQ(ReadWeights(output_), expected);
    EXPECT_EQ(ReadWeights(dir_ / "again"), expected);
    for (const std::string& path : {run_dir_, output_, dir_ / "again"}) {
      std::filesystem::remove_all(path);
    }
  }
}

TEST_F(CheckpointExportTest, ImportGivesBackTheSameBits) {
  Save(SmallRun());
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    const std::string exported = dir_ / Name(dtype);
    ASSERT_TRUE(
        Export({.path = exported, .dtype = dtype, .max_file_bytes = 10'000})
            .ok());
    const std::string imported = exported + "_again";
    const auto summary = ImportWeights(
        {.path = exported, .output = {.path = imported, .dtype = dtype}});
    ASSERT_TRUE(summary.ok()) << summary.status();
    EXPECT_EQ(ReadWeights(imported), ReadWeights(exported));
    EXPECT_EQ(*ReadFile(imported + "/config.json"),
              *ReadFile(exported + "/config.json"));
    const auto model = [](const std::string& folder) {
      RunConfig config;
      COG_CHECK_OK(ReadTextConfig(folder + "/config.pbtxt", config));
      return config.model().cogformer();
    };
    // The last layer has got its number.
    EXPECT_THAT(model(imported).attention().softmax_layers(),
                ElementsAre(0, 2));
    CogformerConfig expected = model(exported);
    *expected.mutable_attention() = model(imported).attention();
    EXPECT_EQ(model(imported).DebugString(), expected.DebugString());
  }
}

TEST_F(CheckpointExportTest, Bfloat16IsRoundedToNearest) {
  Save(SmallRun());
  ASSERT_TRUE(Export({.path = output_, .dtype = DType::kBFloat16}).ok());
  Weights expected = ReadWeights(run_dir_ + "/expected.safetensors");
  for (auto& [name, values] : expected) {
    for (float& x : values) x = static_cast<float>(BFloat16(x));
  }
  EXPECT_EQ(ReadWeights(output_), expected);
  EXPECT_EQ(SafetensorsReader::Open(output_)->tensors()[0].dtype, "BF16");
  EXPECT_THAT(*ReadFile(output_ + "/config.json"),
              HasSubstr("\"torch_dtype\": \"bfloat16\""));
}

TEST_F(CheckpointExportTest, FilesAreCutBetweenTensors) {
  Save(SmallRun());
  // Embedding and head have 37656 bytes each: files of their own.
  const auto summary = Export({.path = output_, .max_file_bytes = 12'000});
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->files, 5);
  EXPECT_TRUE(Names(output_).contains("model-00005-of-00005.safetensors"));
  EXPECT_FALSE(Names(output_).contains("model.safetensors"));
  const auto index = nlohmann::json::parse(
      *ReadFile(output_ + "/model.safetensors.index.json"));
  EXPECT_EQ(index["metadata"]["total_size"], summary->bytes);
  EXPECT_EQ(index["weight_map"].size(), 30u);
  EXPECT_EQ(index["weight_map"]["model.embed_tokens.weight"],
            "model-00001-of-00005.safetensors");
  const auto all = SafetensorsReader::Open(output_);
  int64_t bytes = 0;
  for (const StoredTensor& tensor : all->tensors()) {
    bytes += tensor.bytes.size();
  }
  EXPECT_EQ(bytes, summary->bytes);
  EXPECT_EQ(ReadWeights(output_),
            ReadWeights(run_dir_ + "/expected.safetensors"));
  const auto file =
      SafetensorsReader::Open(output_ + "/model-00002-of-00005.safetensors");
  EXPECT_EQ(file->metadata().at("format"), "pt");
}

TEST_F(CheckpointExportTest, TheTokenizerComesAlong) {
  LayoutRun run = SmallRun();
  run.config.set_tokenizer(kTokenizer);
  Save(run);
  ASSERT_TRUE(Export({.path = output_}).ok());
  EXPECT_EQ(*ReadFile(output_ + "/tokenizer.json"), *ReadFile(kTokenizer));
  EXPECT_EQ(*ReadFile(output_ + "/tokenizer_config.json"), R"({
  "tokenizer_class": "PreTrainedTokenizerFast",
  "model_max_length": 8,
  "clean_up_tokenization_spaces": false,
  "eos_token": "<|endoftext|>"
}
)");
  EXPECT_THAT(*ReadFile(output_ + "/config.pbtxt"),
              AllOf(HasSubstr("tokenizer: \"" + output_ + "/tokenizer.json\""),
                    HasSubstr("init_from: \"" + output_ + "\"")));
  // The run's copy counts more than the file that it was made of.
  ASSERT_TRUE(
      WriteFileAtomically(run_dir_ + "/tokenizer.json", "no tokenizer").ok());
  const absl::Status status = Export({.path = dir_ / "other"}).status();
  EXPECT_THAT(status.message(), HasSubstr(run_dir_ + "/tokenizer.json"));
  EXPECT_FALSE(FileExists(dir_ / "other"));
}

TEST_F(CheckpointExportTest, DamageLeavesNoFolder) {
  Save(SmallRun());
  const std::string shard = path_ + "/shard_00003.safetensors";
  std::string bytes = *ReadFile(shard);
  bytes[20] ^= 1;
  ASSERT_TRUE(WriteFileAtomically(shard, bytes).ok());
  const absl::Status status = Export({.path = output_}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("shard_00003.safetensors"));
  EXPECT_EQ(Names(dir_.path()), std::set<std::string>({"run"}));
}

TEST_F(CheckpointExportTest, OtherModelsAreRefusedByTheirTensors) {
  Save(SmallRun());
  auto checkpoint = *OpenCheckpoint(PosixFileSystem(), path_);
  CogformerConfig& model = *checkpoint.manifest.mutable_config()
                                ->mutable_model()
                                ->mutable_cogformer();
  model.set_ffn_size(22);
  model.set_tie_embeddings(true);
  const auto message = [&] {
    const auto exported =
        ExportCheckpoint(PosixFileSystem(), checkpoint, {.path = output_});
    return std::string(exported.status().message());
  };
  EXPECT_THAT(message(),
              AllOf(HasSubstr("mlp.down_proj.weight has shape [18, 21], the "
                              "model's is [18, 22]"),
                    HasSubstr("tensor lm_head.weight [523, 18] is not part")));
  model.clear_num_heads();
  EXPECT_THAT(message(),
              HasSubstr("its configuration: model.cogformer.num_heads: is"));
  EXPECT_FALSE(FileExists(output_));
}

TEST(ModelFolderTest, IsWholeOrNotThereAfterACrashAtAnyCall) {
  RunConfig config;
  COG_CHECK_OK(ParseTextConfig("test", R"(model { cogformer {
      vocab_size: 5 num_layers: 1 hidden_size: 4 num_heads: 2 num_kv_heads: 2
      head_dim: 2 ffn_size: 3 max_seq_len: 8 } })",
                               config));
  const auto write = [&](FakeFileSystem& files) {
    COG_CHECK_OK(files.CreateDirectory("/d"));
    COG_CHECK_OK(files.SyncDirectory("/"));
    return WriteModelFolder(
               {.path = "/d/model", .max_file_bytes = 300}, {.config = config},
               [](const NamedTensor&, absl::Span<float> out) {
                 std::fill(out.begin(), out.end(), 1.0f);
                 return absl::OkStatus();
               },
               files)
        .status();
  };
  FakeFileSystem whole;
  ASSERT_TRUE(write(whole).ok());
  const auto names = *whole.ListDirectory("/d/model");
  ASSERT_EQ(names.size(), 6u);  // three files, index, two configurations
  for (int64_t n = 2; n <= whole.changes(); ++n) {
    for (const Survivors survivors :
         {Survivors::kDurable, Survivors::kEverything, Survivors::kTorn}) {
      FakeFileSystem files;
      files.StopAfter(n);
      const bool done = write(files).ok();
      const auto disk = files.AfterCrash(survivors, /*seed=*/n);
      const bool there = *disk->Exists("/d/model");
      EXPECT_GE(there, done);
      for (size_t i = 0; there && i < names.size(); ++i) {
        EXPECT_EQ(*ReadAll(*disk, "/d/model/" + names[i]),
                  *ReadAll(whole, "/d/model/" + names[i]));
      }
    }
  }
}

}  // namespace
}  // namespace cogdist::testing
