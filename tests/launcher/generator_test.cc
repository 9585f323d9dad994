#include "launcher/generator.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/config.h"
#include "models/init.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist {
namespace {

class GeneratorTest : public testing::TestWithParam<Precision> {
 protected:
  GeneratorTest() : stream_(device_) {
    RunConfig config;
    CogformerConfig* const model = config.mutable_model()->mutable_cogformer();
    model->set_vocab_size(61);
    model->set_num_layers(2);
    model->set_hidden_size(32);
    model->set_num_heads(4);
    model->set_num_kv_heads(2);
    model->set_ffn_size(48);
    model->set_max_seq_len(20);
    model->set_init_std(0.3);
    config.set_precision(GetParam());
    ResolveConfig("small.pbtxt", config);
    auto generator = Generator::Create(config, device_, stream_);
    COG_CHECK_OK(generator.status());
    generator_ = *std::move(generator);
    InitializeParameters(generator_->params(), stream_, 3);
  }

  std::vector<int32_t> Generate(std::vector<int32_t> prompt, int64_t max_tokens,
                                const SamplingOptions& sampling) {
    std::vector<int32_t> tokens;
    const int64_t drawn =
        generator_->Generate(prompt, max_tokens, sampling, [&](int32_t token) {
          tokens.push_back(token);
          return true;
        });
    EXPECT_EQ(drawn, tokens.size());
    return tokens;
  }

  CpuDevice device_;
  CpuStream stream_;
  std::unique_ptr<Generator> generator_;
};

int32_t Likeliest(const std::vector<float>& logits) {
  return std::max_element(logits.begin(), logits.end()) - logits.begin();
}

TEST_P(GeneratorTest, GreedyTokensAreTheLikeliestOfWholePasses) {
  std::vector<int32_t> text = {5, 17, 3};
  const std::vector<int32_t> tokens = Generate(text, 12, {.temperature = 0});
  ASSERT_EQ(tokens.size(), 12);
  for (const int32_t token : tokens) {
    const std::vector<float> logits = generator_->Logits(text);
    // In bfloat16 the two ways may round differently and disagree on a tie.
    EXPECT_NEAR(logits[token], logits[Likeliest(logits)],
                GetParam() == FP32 ? 1e-4 : 0.1);
    text.push_back(token);
  }
}

TEST_P(GeneratorTest, TheSeedDecides) {
  const std::vector<int32_t> a = Generate({1}, 15, {.seed = 1});
  EXPECT_EQ(a, Generate({1}, 15, {.seed = 1}));
  EXPECT_NE(a, Generate({1}, 15, {.seed = 2}));
}

TEST_P(GeneratorTest, EndsWhenTheContextIsFull) {
  // 20 tokens fit; the last one drawn needs no place.
  EXPECT_EQ(Generate({1, 2, 3, 4}, 100, {.seed = 1}).size(), 17);
  EXPECT_EQ(Generate(std::vector<int32_t>(20, 1), 100, {}).size(), 1);
}

TEST_P(GeneratorTest, EndsWhenTheReceiverHasEnough) {
  int calls = 0;
  EXPECT_EQ(
      generator_->Generate({1}, 10, {}, [&](int32_t) { return ++calls < 3; }),
      3);
  EXPECT_EQ(Generate({1}, 0, {}).size(), 0);
}

INSTANTIATE_TEST_SUITE_P(Precisions, GeneratorTest, testing::Values(FP32, BF16),
                         [](const auto& info) {
                           return Precision_Name(info.param);
                         });

}  // namespace
}  // namespace cogdist
