#include "launcher/config_override.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "proto/run_config.pb.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Status Apply(const std::vector<std::string>& assignments,
                   RunConfig& config) {
  return ApplyOverrides(assignments, config);
}

TEST(ConfigOverrideTest, SetsEveryKindOfField) {
  RunConfig config;
  ASSERT_TRUE(
      Apply({"model.cogformer.num_layers=8", "train_steps=-5",
             "optimizer.adamw.eps=1e-6", "precision=BF16", "data.shuffle=false",
             "name=a b=c", "seed=18446744073709551615",
             "model.cogformer.attention.kind=SOFTMAX"},
            config)
          .ok());
  EXPECT_EQ(config.model().cogformer().num_layers(), 8);
  EXPECT_EQ(config.train_steps(), -5);
  EXPECT_EQ(config.optimizer().adamw().eps(), 1e-6);
  EXPECT_EQ(config.precision(), BF16);
  EXPECT_TRUE(config.data().has_shuffle());
  EXPECT_FALSE(config.data().shuffle());
  EXPECT_EQ(config.name(), "a b=c");
  EXPECT_EQ(config.seed(), 18446744073709551615u);
  EXPECT_EQ(config.model().cogformer().attention().kind(),
            AttentionConfig::SOFTMAX);
}

TEST(ConfigOverrideTest, LaterWinsAndAnEmptyStringIsAValue) {
  RunConfig config;
  ASSERT_TRUE(
      Apply({"train_steps=1", "train_steps=2", "tokenizer="}, config).ok());
  EXPECT_EQ(config.train_steps(), 2);
  EXPECT_TRUE(config.has_tokenizer());
  EXPECT_EQ(config.tokenizer(), "");
}

TEST(ConfigOverrideTest, ReachesIntoAppendsToAndClearsLists) {
  RunConfig config;
  ASSERT_TRUE(Apply({"data.train.0.prefix=a", "data.train.1.prefix=b",
                     "data.train.1.weight=3", "data.train.0.prefix=c"},
                    config)
                  .ok());
  ASSERT_EQ(config.data().train_size(), 2);
  EXPECT_EQ(config.data().train(0).prefix(), "c");
  EXPECT_EQ(config.data().train(1).prefix(), "b");
  EXPECT_EQ(config.data().train(1).weight(), 3);

  constexpr char kLayers[] = "model.cogformer.attention.softmax_layers";
  auto& layers = *config.mutable_model()
                      ->mutable_cogformer()
                      ->mutable_attention()
                      ->mutable_softmax_layers();
  const auto at = [&](const std::string& rest) {
    return Apply({kLayers + rest}, config);
  };
  ASSERT_TRUE(at(".0=4").ok());
  ASSERT_TRUE(at(".1=-1").ok());
  ASSERT_TRUE(at(".0=2").ok());
  EXPECT_THAT(layers, ElementsAre(2, -1));
  ASSERT_TRUE(at("=[]").ok());
  EXPECT_EQ(layers.size(), 0);
  ASSERT_TRUE(Apply({"data.train=[]"}, config).ok());
  EXPECT_EQ(config.data().train_size(), 0);
}

TEST(ConfigOverrideTest, MistakesNameWhatIsExpected) {
  const struct {
    std::string assignment;
    std::string message;
  } kMistakes[] = {
      {"train_steps", "needs the form PATH=VALUE"},
      {"=3", "needs the form PATH=VALUE"},
      {"tran_steps=3",
       "--set tran_steps: there is no such field; did you mean "
       "train_steps?"},
      {"model.cogformer.layers=3", "did you mean model.cogformer.num_layers?"},
      {"model..x=3", "--set model.: there is no such field"},
      {"train_steps=ten", "'ten' is not an integer"},
      {"train_steps=1.5", "'1.5' is not an integer"},
      {"train_steps=9223372036854775808", "is not an integer"},
      {"train_steps=", "'' is not an integer"},
      {"seed=-1", "'-1' is not an integer of at least 0"},
      {"time_limit_seconds=long", "'long' is not a number"},
      {"data.shuffle=yes", "'yes' is not true or false"},
      {"precision=FP16", "is not one of FP32, BF16; did you mean FP32?"},
      {"precision=1", "is not one of FP32, BF16"},
      {"device=cuda", "did you mean CUDA?"},
      {"data=x", "has fields of its own; set one of them: train, validation"},
      {"data.train.0=x", "has fields of its own; set one of them: prefix"},
      {"data.train=x", "is a list; set one element (data.train.0=...)"},
      {"data.train.prefix=x", "'prefix' is no index of a list with 0 elements"},
      {"data.train.1.prefix=x", "use 0 to 0 (0 appends)"},
      {"data.train.-1.prefix=x", "'-1' is no index"},
      {"train_steps.x=3", "--set train_steps: is a value"},
      {"train_steps.0=3", "--set train_steps: is a value"},
      {"train_steps=[]", "'[]' is not an integer"},
      {"model.cogformer.attention.softmax_layers.0=x", "not an integer"},
  };
  for (const auto& mistake : kMistakes) {
    SCOPED_TRACE(mistake.assignment);
    RunConfig config;
    const absl::Status status = ApplyOverride(mistake.assignment, config);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(mistake.message));
  }
}

}  // namespace
}  // namespace cogdist
