#include "launcher/validate.h"

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "launcher/config.h"
#include "launcher/config_override.h"
#include "launcher/faults.h"
#include "launcher/text_config.h"
#include "runtime/data/indexed_dataset_writer.h"
#include "tests/temp_dir.h"
#include "tests/testing/safetensors_file.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kGood[] = R"(
  model { cogformer {
    vocab_size: 384 num_layers: 4 hidden_size: 64 num_heads: 4 ffn_size: 160
    max_seq_len: 16
  } }
  data { train { prefix: "tokens" } eos_token_id: 0 }
  batch { global_batch_size: 8 micro_batch_size: 2 }
  lr_schedule { peak_lr: 1e-3 warmup_steps: 4 }
  train_steps: 20
)";

// kGood with these changes, resolved.
RunConfig Config(const std::vector<std::string>& changes) {
  RunConfig config;
  EXPECT_TRUE(ParseTextConfig("good", kGood, config).ok());
  const absl::Status applied = ApplyOverrides(changes, config);
  EXPECT_TRUE(applied.ok()) << applied;
  ResolveConfig("good.pbtxt", config);
  return config;
}

std::string FaultsOf(const std::vector<std::string>& changes,
                     int64_t world_size = 1) {
  const absl::Status status = ValidateConfig(
      Config(changes), {.world_size = world_size, .check_files = false});
  EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status));
  return std::string(status.message());
}

TEST(ValidateTest, AcceptsWhatIsRight) {
  for (const std::vector<std::string>& changes :
       std::vector<std::vector<std::string>>{
           {},
           {"model.cogformer.attention.softmax_layers.0=3",
            "model.cogformer.attention.softmax_layers.1=-4"},
           {"model.cogformer.num_kv_heads=2", "data.seq_len=1"},
           {"model.cogformer.num_heads=5", "model.cogformer.head_dim=2"},
           {"optimizer.grad_clip_norm=0", "optimizer.adamw.beta1=0"},
           {"lr_schedule.kind=CONSTANT", "lr_schedule.warmup_steps=20"},
           {"lr_schedule.kind=WSD", "lr_schedule.cooldown_steps=16"},
           {"lr_schedule.warmup_steps=19", "lr_schedule.min_lr=1e-3"},
           {"data.document_mask=true", "device=CPU"},
           {"train_steps=1", "lr_schedule.warmup_steps=0"}}) {
    EXPECT_EQ(FaultsOf(changes), "");
  }
  EXPECT_EQ(FaultsOf({}, 4), "");
}

struct Mistake {
  std::vector<std::string> changes;
  std::string message;
  int64_t world_size = 1;
};

void ExpectFaults(const std::vector<Mistake>& mistakes) {
  for (const Mistake& mistake : mistakes) {
    SCOPED_TRACE(mistake.message);
    EXPECT_THAT(FaultsOf(mistake.changes, mistake.world_size),
                HasSubstr(mistake.message));
  }
}

TEST(ValidateTest, RangesNameTheNearestValue) {
  ExpectFaults({
      {{"train_steps=0"}, "train_steps: 0 is out of range (at least 1); use 1"},
      {{"model.cogformer.vocab_size=1"}, "(from 2 to 2147483647); use 2"},
      {{"model.cogformer.vocab_size=3000000000"}, "; use 2147483647"},
      {{"model.cogformer.num_layers=9223372036854775807"},
       "9223372036854775807 is out of range (from 1 to 10000); use 10000"},
      {{"model.cogformer.head_dim=258"}, "(from 2 to 256); use 256"},
      {{"model.cogformer.rope_theta=1"}, "(above 1); use e.g. 10000"},
      {{"model.cogformer.norm_eps=0"}, "(above 0); use e.g. 1e-06"},
      {{"model.cogformer.init_std=inf"}, "init_std: inf is out of range"},
      {{"optimizer.adamw.beta2=1"}, "(from 0 to below 1); use e.g. 0.95"},
      {{"optimizer.adamw.beta1=-0.1"},
       "beta1: -0.1 is out of range (from 0 to "
       "below 1); use 0"},
      {{"lr_schedule.peak_lr=nan"},
       "peak_lr: nan is out of range (above 0); "
       "use e.g. 0.0003"},
      {{"data.train.0.weight=0"}, "data.train.0.weight: 0 is out of range"},
      {{"data.train.1.weight=1"}, "data.train.1.prefix: is missing; set it"},
      {{"parallel.zero_stage=4"}, "(from 0 to 3); use 3"},
      {{"evaluation.batches=0"}, "evaluation.batches: 0 is out of range"},
      {{"logging.log_every_steps=-2"}, "log_every_steps: -2 is out of range"},
      {{"time_limit_seconds=-1"}, "time_limit_seconds: -1 is out of range"},
  });
}

TEST(ValidateTest, ModelFaults) {
  ExpectFaults({
      {{"model.cogformer.num_heads=5"},
       "num_heads: 5 heads do not divide hidden_size 64; use 4 or 8, or set "
       "head_dim"},
      {{"model.cogformer.num_heads=100"}, "; use 32, or set head_dim"},
      {{"model.cogformer.num_heads=64"},
       "head_dim: 1 is odd, but rotary positions turn pairs; use 2"},
      {{"model.cogformer.head_dim=15"}, "head_dim: 15 is odd"},
      {{"model.cogformer.num_kv_heads=3"},
       "num_kv_heads: 3 does not divide num_heads 4; use 2 or 4"},
      {{"model.cogformer.num_kv_heads=8"}, "num_heads 4; use 4"},
      {{"model.cogformer.attention.softmax_layers.0=4"},
       "softmax_layers.0: there is no layer 4 among num_layers 4; use 3 (-4 to "
       "3)"},
      {{"model.cogformer.attention.softmax_layers.0=-5"}, "; use -4"},
  });
}

TEST(ValidateTest, LayoutFaults) {
  ExpectFaults({
      {{},
       "global_batch_size: 8 sequences cannot be shared evenly by 3 "
       "data-parallel ranks; use 6 or 9",
       3},
      {{}, "by 16 data-parallel ranks; use 16", 16},
      {{"batch.micro_batch_size=3"},
       "micro_batch_size: 3 does not divide the 8 sequences of a rank "
       "(global_batch_size 8 / 1 data-parallel ranks); use 2 or 4"},
      {{"batch.micro_batch_size=16"}, "; use 4", 2},
      {{"batch.global_batch_size=1073741824",
        "batch.micro_batch_size=1073741824"},
       "micro_batch_size: 1073741824 sequences of 16 tokens are too many for "
       "one forward pass; use 134217727 or less"},
      {{"parallel.tensor=2"},
       "parallel: 3 ranks cannot be shared out by tensor "
       "* pipeline * context = 2; start 2 or 4 ranks",
       3},
  });
}

TEST(ValidateTest, ScheduleFaults) {
  ExpectFaults({
      {{"lr_schedule.warmup_steps=20"},
       "warmup_steps: 20 leaves no step before decay_steps 20 (train_steps, "
       "unless it is set); use 19"},
      {{"lr_schedule.min_lr=1"}, "min_lr: 1 is above peak_lr; use 0.001"},
      {{"lr_schedule.kind=WSD"},
       "cooldown_steps: is missing; kind WSD needs it "
       "(1 to 16)"},
      {{"lr_schedule.kind=WSD", "lr_schedule.cooldown_steps=17"},
       "cooldown_steps: 17 is longer than the 16 steps from warmup_steps 4 to "
       "decay_steps 20; use 16"},
  });
}

TEST(ValidateTest, DataFaults) {
  ExpectFaults({
      {{"data.train=[]"}, "data.train: is missing"},
      {{"data.seq_len=17"},
       "seq_len: 17 is longer than "
       "model.cogformer.max_seq_len; use 16"},
      {{"data.eos_token_id=384"},
       "eos_token_id: 384 is no token of a "
       "vocabulary of 384; use 383 or less"},
      {{"evaluation.every_steps=5"}, "every_steps: 5 needs data.validation"},
  });
  RunConfig config = Config({"data.document_mask=true"});
  config.mutable_data()->clear_eos_token_id();
  EXPECT_THAT(
      std::string(ValidateConfig(config, {.check_files = false}).message()),
      HasSubstr("data.document_mask: true needs data.eos_token_id"));
}

TEST(ValidateTest, LayoutsNameTheNearestDegree) {
  ExpectFaults({
      {{"parallel.tensor=3"},
       "3 ranks cannot share num_heads 4 evenly; use 2 "
       "or 4",
       3},
      {{"parallel.tensor=4", "model.cogformer.num_heads=12",
        "model.cogformer.head_dim=8", "model.cogformer.num_kv_heads=6"},
       "cannot share num_kv_heads 6 evenly, nor hold one each; use 3 or 6",
       4},
      {{"parallel.tensor=4", "model.cogformer.ffn_size=2"},
       "is more than ffn_size or vocab_size, 2; use 2",
       4},
      {{"parallel.tensor=4", "parallel.sequence_parallel=true",
        "data.seq_len=2", "batch.micro_batch_size=1"},
       "true shares the 2 tokens of a pass",
       4},
      {{"parallel.virtual_pipeline=2"}, "take a pipeline of several ranks"},
      {{"parallel.pipeline=8"},
       "8 chunks, more than num_layers 4; use 4 or "
       "less",
       8},
      {{"parallel.pipeline=2", "parallel.virtual_pipeline=3"},
       "6 chunks, more than num_layers 4; use 1 or less",
       2},
      {{"parallel.pipeline=2", "parallel.layers_per_stage.0=4"},
       "lists 1 stages; there are pipeline * virtual_pipeline = 2",
       2},
      {{"parallel.pipeline=2", "parallel.layers_per_stage.0=4",
        "parallel.layers_per_stage.1=0"},
       "sums to 4; every stage has at least one layer",
       2},
      {{"parallel.context=3"},
       "which 6 does not divide; set data.seq_len: 12 "
       "or 18",
       3},
      {{"deterministic=LAYOUT_INVARIANT", "batch.global_batch_size=12",
        "batch.micro_batch_size=1"},
       "in 4 lanes",
       6},
      {{"deterministic=LAYOUT_INVARIANT", "parallel.context=6",
        "data.seq_len=12"},
       "parallel.context: 6 is not a power of two",
       6},
  });
}

TEST(ValidateTest, AcceptsEveryKindOfParallelism) {
  const std::vector<std::string> all = {"parallel.tensor=2",
                                        "parallel.pipeline=2",
                                        "parallel.context=2",
                                        "parallel.zero_stage=3",
                                        "parallel.sequence_parallel=true",
                                        "parallel.virtual_pipeline=2"};
  EXPECT_EQ(FaultsOf(all, 16), "");
  EXPECT_EQ(
      FaultsOf({"parallel.tensor=4", "model.cogformer.num_kv_heads=2"}, 4), "");
  EXPECT_EQ(FaultsOf({"parallel.pipeline=2", "parallel.layers_per_stage.0=1",
                      "parallel.layers_per_stage.1=3"},
                     2),
            "");
  // One sequence a pass, whatever micro_batch_size says.
  EXPECT_EQ(FaultsOf({"deterministic=LAYOUT_INVARIANT"}, 8), "");
}

TEST(ValidateTest, GpusHaveNoLayoutInvariantSums) {
  EXPECT_THAT(FaultsOf({"deterministic=LAYOUT_INVARIANT", "device=CUDA"}),
              HasSubstr("deterministic: LAYOUT_INVARIANT works on CPUs only"));
  EXPECT_THAT(FaultsOf({"deterministic=RUN_TO_RUN", "device=CUDA"}),
              Not(HasSubstr("deterministic")));
  EXPECT_EQ(FaultsOf({"deterministic=LAYOUT_INVARIANT", "device=CPU"}), "");
}

TEST(ValidateTest, AllFaultsAreReportedTogether) {
  const std::string faults =
      FaultsOf({"train_steps=0", "data.seq_len=99",
                "model.cogformer.num_kv_heads=3", "batch.micro_batch_size=3"});
  EXPECT_THAT(faults, HasSubstr("4 faults in the configuration:"));
  EXPECT_THAT(std::vector<std::string>(absl::StrSplit(faults, '\n')),
              SizeIs(5));
}

TEST(ValidateTest, AnEmptyConfigurationListsWhatIsRequired) {
  RunConfig config;
  ResolveConfig("empty.pbtxt", config);
  const std::string training(ValidateConfig(config, {}).message());
  for (const char* const path :
       {"model", "train_steps", "batch.global_batch_size",
        "lr_schedule.peak_lr", "data.train"}) {
    EXPECT_THAT(training, HasSubstr(absl::StrCat(path, ": is missing")));
  }
  const absl::Status inference = ValidateConfig(
      config, {.purpose = ValidateOptions::Purpose::kGeneration});
  EXPECT_THAT(std::string(inference.message()),
              ::testing::StartsWith("model: is missing"));
  config.mutable_model()->mutable_cogformer();
  EXPECT_THAT(std::string(ValidateConfig(config, {}).message()),
              HasSubstr("model.cogformer.vocab_size: is missing; set it (from "
                        "2 to 2147483647)"));
}

class ValidateFilesTest : public ::testing::Test {
 protected:
  // A dataset of `tokens` tokens with ids 1 to 9 and 0 at the end.
  void WriteDataset(absl::string_view name, int64_t tokens,
                    const DatasetMeta& meta = {.eos_token_id = 0}) {
    std::vector<int32_t> ids(tokens);
    for (int64_t i = 0; i + 1 < tokens; ++i) ids[i] = 1 + i % 9;
    auto writer = IndexedDatasetWriter::Create(dir_ / name, 384);
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE(writer->AddDocument(ids).ok());
    ASSERT_TRUE(writer->Finish(meta).ok());
  }
  std::string FaultsOf(std::vector<std::string> changes = {}) {
    changes.insert(changes.begin(), "data.train.0.prefix=" + prefix_);
    return std::string(ValidateConfig(Config(changes), {}).message());
  }

  TempDir dir_;
  const std::string prefix_ = dir_ / "tokens";
};

TEST_F(ValidateFilesTest, EachPurposeChecksWhatItReads) {
  using Purpose = ValidateOptions::Purpose;
  const std::string validation = dir_ / "validation";
  const RunConfig config = Config(
      {"data.train.0.prefix=none", "data.validation.0.prefix=" + validation});
  const auto faults = [&](Purpose purpose) {
    return std::string(ValidateConfig(config, {.purpose = purpose}).message());
  };
  EXPECT_EQ(faults(Purpose::kGeneration), "");
  EXPECT_THAT(
      std::string(ValidateConfig(Config({"data.seq_len=17"}),
                                 {.purpose = Purpose::kGeneration})
                      .message()),
      HasSubstr("seq_len: 17 is longer than model.cogformer.max_seq_len"));
  EXPECT_THAT(faults(Purpose::kEvaluation),
              HasSubstr("data.validation.0.prefix: there is no"));
  WriteDataset("validation", 2);  // shorter than a sequence
  EXPECT_EQ(faults(Purpose::kEvaluation), "");
  EXPECT_THAT(faults(Purpose::kTraining),
              HasSubstr("data.train.0.prefix: there is no none.idx"));
}

TEST_F(ValidateFilesTest, Datasets) {
  EXPECT_THAT(FaultsOf(), HasSubstr("data.train.0.prefix: there is no"));
  WriteDataset("tokens", 17);
  EXPECT_EQ(FaultsOf(), "");
  EXPECT_THAT(FaultsOf({"data.train.0.prefix=" + prefix_ + ".bin"}),
              HasSubstr("has an ending; use \"" + prefix_ + "\""));
  EXPECT_THAT(FaultsOf({"data.validation.0.prefix=none"}),
              HasSubstr("data.validation.0.prefix: there is no none.idx"));
  EXPECT_THAT(FaultsOf({"model.cogformer.vocab_size=9"}),
              HasSubstr("the largest token id is 9, but vocab_size is 9"));
  EXPECT_EQ(FaultsOf({"data.document_mask=true"}), "");
  EXPECT_THAT(FaultsOf({"data.document_mask=true", "data.eos_token_id=1"}),
              HasSubstr("documents end in token 0, but data.eos_token_id is "
                        "1"));
  WriteDataset("tokens", 16);
  EXPECT_THAT(FaultsOf(), HasSubstr("tokens.bin: has 16 tokens, but one "
                                    "sequence and its targets take 17"));
}

TEST_F(ValidateFilesTest, DatasetsOfDifferentTokenizersDoNotMix) {
  WriteDataset("tokens", 17, {.tokenizer = "a"});
  WriteDataset("other", 17, {.tokenizer = "b"});
  WriteDataset("foreign", 17);
  const std::vector<std::string> foreign = {"data.validation.0.prefix=" +
                                            dir_ / "foreign"};
  EXPECT_EQ(FaultsOf(foreign), "");
  EXPECT_THAT(FaultsOf({"data.validation.0.prefix=" + dir_ / "other"}),
              HasSubstr("was made with another tokenizer than " + prefix_));
}

TEST_F(ValidateFilesTest, Tokenizer) {
  WriteDataset("tokens", 17);
  EXPECT_EQ(FaultsOf({"tokenizer=bytes"}), "");
  EXPECT_THAT(FaultsOf({"tokenizer=none.json"}),
              HasSubstr("give a tokenizer.json, or the word bytes"));
  EXPECT_THAT(FaultsOf({"tokenizer=bytes", "model.cogformer.vocab_size=256"}),
              HasSubstr("tokenizer: bytes has 257 tokens, over "
                        "model.cogformer.vocab_size 256; set vocab_size: 257"));
  WriteDataset("tokens", 17, {.tokenizer = "another"});
  EXPECT_THAT(FaultsOf({"tokenizer=bytes"}),
              HasSubstr("was made with another tokenizer than bytes"));
}

TEST_F(ValidateFilesTest, InitialWeights) {
  WriteDataset("tokens", 17);
  const std::string weights = dir_ / "w.safetensors";
  EXPECT_THAT(FaultsOf({"init_from=" + weights}), HasSubstr("init_from: "));
  EXPECT_THAT(FaultsOf({"init_from=" + dir_.path()}),
              HasSubstr("or leave init_from out for seeded ones"));
  ASSERT_TRUE(WriteSafetensors(weights, {}).ok());
  EXPECT_EQ(FaultsOf({"init_from=" + weights}), "");
}

TEST(FaultsTest, NearestValues) {
  EXPECT_EQ(NearestMultiples(7, 4), "4 or 8");
  EXPECT_EQ(NearestMultiples(8, 3), "6 or 9");
  EXPECT_EQ(NearestMultiples(3, 8), "8");
  EXPECT_EQ(NearestMultiples(15, 2), "14 or 16");
  EXPECT_EQ(NearestDivisors(5, 24), "4 or 6");
  EXPECT_EQ(NearestDivisors(30, 24), "24");
  EXPECT_EQ(NearestDivisors(2, 7), "1 or 7");
  EXPECT_EQ(NearestDivisors(5, 64, [](int64_t d) { return d > 8; }), "16");
  EXPECT_EQ(NearestDivisors(5, 64, [](int64_t) { return false; }), "");
}

}  // namespace
}  // namespace cogdist
