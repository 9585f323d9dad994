#include "launcher/convert/model_json.h"

#include <string>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/config.h"
#include "launcher/text_config.h"
#include "runtime/file.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

RunConfig Parse(absl::string_view text) {
  RunConfig config;
  EXPECT_TRUE(ParseTextConfig("test", text, config).ok());
  return config;
}

RunConfig Resolved(absl::string_view text) {
  RunConfig config = Parse(text);
  ResolveConfig("", config);
  return config;
}

constexpr absl::string_view kModel = R"(
  model { cogformer {
    vocab_size: 300 num_layers: 4 hidden_size: 48 num_heads: 4 num_kv_heads: 2
    head_dim: 10 ffn_size: 96 max_seq_len: 128 rope_theta: 5000 norm_eps: 1e-5
    init_std: 0.03 attention { kind: SOFTMAX } } }
  data { eos_token_id: 7 })";

TEST(ModelJsonTest, SoftmaxEverywhereIsLlama) {
  EXPECT_EQ(ModelJson(Resolved(kModel), DType::kFloat32), R"({
  "architectures": [
    "LlamaForCausalLM"
  ],
  "model_type": "llama",
  "vocab_size": 300,
  "num_hidden_layers": 4,
  "hidden_size": 48,
  "num_attention_heads": 4,
  "num_key_value_heads": 2,
  "head_dim": 10,
  "intermediate_size": 96,
  "max_position_embeddings": 128,
  "rms_norm_eps": 1e-05,
  "rope_theta": 5000.0,
  "rope_parameters": {
    "rope_theta": 5000.0,
    "rope_type": "default"
  },
  "rope_scaling": null,
  "hidden_act": "silu",
  "attention_bias": false,
  "attention_dropout": 0.0,
  "mlp_bias": false,
  "pretraining_tp": 1,
  "tie_word_embeddings": false,
  "initializer_range": 0.03,
  "use_cache": true,
  "bos_token_id": null,
  "eos_token_id": 7,
  "torch_dtype": "float32"
}
)");
}

TEST(ModelJsonTest, CogformersSayWhichLayersAreNot) {
  RunConfig config = Resolved(kModel);
  AttentionConfig& attention =
      *config.mutable_model()->mutable_cogformer()->mutable_attention();
  attention.set_kind(AttentionConfig::COG);
  attention.add_softmax_layers(0);
  attention.add_softmax_layers(-1);
  config.mutable_model()->mutable_cogformer()->set_tie_embeddings(true);
  config.clear_data();
  const std::string text = ModelJson(config, DType::kBFloat16);
  EXPECT_THAT(text, HasSubstr(R"(  "architectures": [
    "CogformerForCausalLM"
  ],
  "model_type": "cogformer",
  "cog_attention": {
    "softmax_layers": [
      0,
      3
    ]
  },
)"));
  EXPECT_THAT(text, AllOf(HasSubstr(R"("tie_word_embeddings": true)"),
                          HasSubstr(R"("eos_token_id": null)"),
                          HasSubstr(R"("torch_dtype": "bfloat16")")));
  // Softmax in every layer by their numbers is Llama as well.
  for (const int64_t layer : {1, 2}) attention.add_softmax_layers(layer);
  EXPECT_THAT(ModelJson(config, DType::kFloat32), HasSubstr("\"llama\""));
}

class ReadModelJsonTest : public ::testing::Test {
 protected:
  absl::Status Read(const std::string& text) {
    EXPECT_TRUE(WriteFileAtomically(path_, text).ok());
    config_ = RunConfig();
    return ReadModelJson(path_, config_);
  }

  const TempDir dir_;
  const std::string path_ = dir_ / "config.json";
  RunConfig config_;
};

TEST_F(ReadModelJsonTest, GivesBackWhatWasWritten) {
  for (const AttentionConfig::Kind kind :
       {AttentionConfig::SOFTMAX, AttentionConfig::COG}) {
    RunConfig config = Parse(kModel);
    CogformerConfig& model = *config.mutable_model()->mutable_cogformer();
    model.set_tie_embeddings(kind == AttentionConfig::COG);
    model.mutable_attention()->set_kind(kind);
    if (kind == AttentionConfig::COG) {
      model.mutable_attention()->add_softmax_layers(2);
    }
    ASSERT_TRUE(Read(ModelJson(config, DType::kFloat32)).ok());
    EXPECT_EQ(config_.DebugString(), config.DebugString());
  }
}

TEST_F(ReadModelJsonTest, TransformersFiveWithListsAndNulls) {
  ASSERT_TRUE(Read(R"({"model_type": "llama", "head_dim": null,
      "rope_scaling": null, "hidden_act": "silu",
      "rope_parameters": {"rope_theta": 250.5, "rope_type": "default"},
      "eos_token_id": [5, 6], "num_attention_heads": 8})")
                  .ok());
  EXPECT_EQ(config_.ShortDebugString(),
            "model { cogformer { num_heads: 8 rope_theta: 250.5 "
            "tie_embeddings: false attention { kind: SOFTMAX } } } "
            "data { eos_token_id: 5 }");
}

TEST_F(ReadModelJsonTest, TheAuthorsDictionary) {
  const std::string fields = R"({"n_layers": 12, "dim": 768, "n_heads": 12,
      "head_dim": 64, "norm_eps": 1e-6, "max_seq_length": 2048,
      "vocab_size": 32000, "shared_expert_recipe": [1], "attn_type": )";
  ASSERT_TRUE(Read(fields + "\"np\"}").ok());
  EXPECT_EQ(config_.ShortDebugString(),
            "model { cogformer { vocab_size: 32000 num_layers: 12 "
            "hidden_size: 768 num_heads: 12 head_dim: 64 max_seq_len: 2048 "
            "norm_eps: 1e-06 attention { kind: COG softmax_layers: 0 "
            "softmax_layers: -1 } } }");
  ASSERT_TRUE(Read(fields + "\"vanilla\"}").ok());
  EXPECT_EQ(config_.model().cogformer().attention().ShortDebugString(),
            "kind: SOFTMAX");
  EXPECT_THAT(Read(fields + "\"diff\"}").message(),
              HasSubstr("\"attn_type\" is \"diff\", only \"np\""));
}

TEST_F(ReadModelJsonTest, NamesEverythingThatIsNotSupported) {
  const absl::Status status = Read(R"({"model_type": "llama",
      "hidden_act": "gelu", "attention_bias": true, "mlp_bias": true,
      "rope_scaling": {"rope_type": "llama3", "factor": 8.0},
      "quantization_config": {}})");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(
      status.message(),
      AllOf(HasSubstr(path_ + ": \"hidden_act\" is \"gelu\", only \"silu\""),
            HasSubstr("\"attention_bias\" is true"),
            HasSubstr("\"mlp_bias\" is true"),
            HasSubstr("\"rope_type\" is \"llama3\", only \"default\""),
            HasSubstr("the weights are quantized")));
}

TEST_F(ReadModelJsonTest, NamesWhatIsWrong) {
  const struct {
    const char* text;
    const char* message;
  } cases[] = {
      {"{", "config.json: not valid JSON"},
      {"{}", "\"model_type\" is missing; models of type llama"},
      {R"({"model_type": "mistral"})", "\"model_type\" is mistral; models"},
      {R"({"model_type": 1})", "\"model_type\" must be a string"},
      {R"({"model_type": "llama", "head_dim": "x"})",
       "\"head_dim\" must be a whole number"},
      {R"({"model_type": "llama", "rms_norm_eps": "x"})",
       "\"rms_norm_eps\" must be a number"},
      {R"({"model_type": "llama", "tie_word_embeddings": 1})",
       "\"tie_word_embeddings\" must be true or false"},
      {R"({"model_type": "cogformer"})",
       "needs \"cog_attention\": {\"softmax_layers\""},
      {R"({"model_type": "cogformer", "cog_attention": {"softmax_layers": [1.5]}})",
       "needs \"cog_attention\": {\"softmax_layers\""},
      {R"({"model_type": "cogformer", "cog_attention": [1]})",
       "needs \"cog_attention\": {\"softmax_layers\""},
  };
  for (const auto& [text, message] : cases) {
    const absl::Status status = Read(text);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(status.message(), HasSubstr(message)) << text;
  }
  EXPECT_EQ(ReadModelJson(dir_ / "none", config_).code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace cogdist
