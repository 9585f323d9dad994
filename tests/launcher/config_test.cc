#include "launcher/config.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "launcher/text_config.h"
#include "runtime/file.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kSmall[] = R"(
  model { cogformer { num_heads: 4 hidden_size: 64 max_seq_len: 32 } }
  data { train { prefix: "a" } }
  train_steps: 100
  optimizer { adamw { eps: 0.1 } }
)";

TEST(ConfigTest, DefaultsThatFollowFromOtherFields) {
  RunConfig config;
  ASSERT_TRUE(ParseTextConfig("f", kSmall, config).ok());
  ResolveConfig("some/where/tiny.v2.pbtxt", config);
  EXPECT_EQ(config.model().cogformer().num_kv_heads(), 4);
  EXPECT_EQ(config.model().cogformer().head_dim(), 16);
  EXPECT_EQ(config.data().seq_len(), 32);
  EXPECT_EQ(config.lr_schedule().decay_steps(), 100);
  EXPECT_EQ(config.name(), "tiny.v2");
  EXPECT_EQ(config.run_dir(), "runs/tiny.v2");
}

TEST(ConfigTest, WhatIsSetStays) {
  RunConfig config;
  ASSERT_TRUE(ParseTextConfig("f", kSmall, config).ok());
  config.mutable_model()->mutable_cogformer()->set_num_kv_heads(2);
  config.mutable_model()->mutable_cogformer()->set_head_dim(8);
  config.mutable_data()->set_seq_len(16);
  config.mutable_lr_schedule()->set_decay_steps(50);
  config.set_name("mine");
  const RunConfig before = config;
  ResolveConfig("x.pbtxt", config);
  EXPECT_EQ(config.run_dir(), "runs/mine");
  RunConfig merged = config;
  merged.MergeFrom(before);  // appends to lists, so compare without
  merged.mutable_data()->mutable_train()->DeleteSubrange(1, 1);
  EXPECT_TRUE(MessageDifferencer::Equals(merged, config));
}

TEST(ConfigTest, EveryDefaultOfTheSchemaIsWrittenOut) {
  RunConfig config;
  ASSERT_TRUE(ParseTextConfig("f", kSmall, config).ok());
  ResolveConfig("x.pbtxt", config);
  const std::string text = PrintRunConfig(config);
  EXPECT_THAT(text,
              AllOf(HasSubstr("precision: FP32"), HasSubstr("beta2: 0.95"),
                    HasSubstr("eps: 0.1"), HasSubstr("weight: 1"),
                    HasSubstr("kind: COG\n"), HasSubstr("kind: COSINE"),
                    HasSubstr("collective_timeout_seconds: 600"),
                    HasSubstr("seed: 1234"), HasSubstr("norm_eps: 1e-06"),
                    HasSubstr("tensorboard: true"), HasSubstr("tensor: 1")));
}

TEST(ConfigTest, PrintedConfigurationReadsBackExactly) {
  RunConfig config;
  ASSERT_TRUE(ParseTextConfig("f", kSmall, config).ok());
  config.mutable_lr_schedule()->set_peak_lr(0.1 + 0.2);
  config.set_init_from("tab\t \"quote\" \xc3\xa4");
  ResolveConfig("x.pbtxt", config);
  RunConfig again;
  ASSERT_TRUE(ParseTextConfig("f", PrintRunConfig(config), again).ok());
  EXPECT_TRUE(MessageDifferencer::Equals(again, config));
  ResolveConfig("other.pbtxt", again);
  EXPECT_TRUE(MessageDifferencer::Equals(again, config));
}

TEST(ConfigTest, AnEmptyConfigurationResolvesWithoutHarm) {
  RunConfig config;
  ResolveConfig("x.pbtxt", config);
  EXPECT_FALSE(config.model().has_cogformer());
  EXPECT_FALSE(config.lr_schedule().has_decay_steps());
  config.mutable_model()->mutable_cogformer()->set_num_heads(0);
  config.mutable_model()->mutable_cogformer()->set_hidden_size(64);
  ResolveConfig("x.pbtxt", config);
  EXPECT_FALSE(config.model().cogformer().has_head_dim());
}

TEST(ConfigTest, LoadsAFileAndAppliesOverrides) {
  TempDir dir;
  const std::string path = dir / "tiny.pbtxt";
  ASSERT_TRUE(WriteFileAtomically(path, kSmall).ok());
  const auto config = LoadRunConfig(path, {"train_steps=7", "data.train=[]"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->lr_schedule().decay_steps(), 7);
  EXPECT_EQ(config->data().train_size(), 0);
  EXPECT_EQ(config->name(), "tiny");
  EXPECT_TRUE(absl::IsNotFound(LoadRunConfig(dir / "none", {}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(LoadRunConfig(path, {"x"}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(LoadRunConfig(dir.path(), {}).status()));
}

TEST(TextConfigTest, MistakesAreFoundByLineColumnAndPath) {
  const struct {
    std::string text;
    std::string message;
  } kMistakes[] = {
      {"model {\n  cogformer {\n    vocab: 3\n  }\n}",
       "f:3:10: model.cogformer.vocab: there is no such field; did you mean "
       "model.cogformer.vocab_size?"},
      {"trian_steps: 3",
       "trian_steps: there is no such field; did you mean "
       "train_steps?"},
      {"data { train { prefx: \"x\" } }", "did you mean data.train.prefix?"},
      {"data { train { } trian { } }", "did you mean data.train?"},
      {"# comment { {\nmodel < cogformer < vocab_size: \"{\" > >",
       "f:2:33: model.cogformer.vocab_size: Expected integer"},
      {"precision: FP8", "precision: the value is not one of FP32, BF16"},
      {"seed: 1\nseed: 2", "f:2:5: seed: is given twice; keep one"},
      {"data { shuffle: maybe }", "data.shuffle: Invalid value for boolean"},
      {"seed: -1", "f:1:7: seed: Expected integer"},
      {"train_steps: 1.5", "train_steps: Expected integer"},
      {"model {", "Expected"},
      {"}", "f:1:1: "},
      {"name: \"open", "f:1:"},
      {"name: \"\xff\xfe\x00\"", "f:1:"},
      {"model { cogformer { } cogformer { } }",
       "model.cogformer: is given twice"},
  };
  for (const auto& mistake : kMistakes) {
    SCOPED_TRACE(mistake.text);
    RunConfig config;
    const absl::Status status = ParseTextConfig("f", mistake.text, config);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), StartsWith("f:"));
    EXPECT_THAT(std::string(status.message()), HasSubstr(mistake.message));
  }
}

}  // namespace
}  // namespace cogdist
