// Weights that other programs have written, against the logits that those
// programs compute (tests/data/convert/generate.py).

#include "launcher/convert/weight_import.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "launcher/config.h"
#include "launcher/generator.h"
#include "parallel/weights.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/file.h"
#include "tests/temp_dir.h"
#include "tests/testing/safetensors_file.h"

namespace cogdist {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

std::string Data(absl::string_view name) {
  return absl::StrCat("tests/data/convert/", name);
}

std::vector<std::string> Names(const std::string& folder) {
  return *PosixFileSystem().ListDirectory(folder);
}

class WeightImportTest : public ::testing::Test {
 protected:
  ImportOptions Options(const std::string& path) const {
    return {.path = path, .output = {.path = output_}};
  }

  // The logits of every position by the configuration and the weights that
  // were written, against those of the program that they came from.
  void ExpectLogits(const std::string& source, double tolerance = 5e-6) {
    const auto config = LoadRunConfig(output_ + "/config.pbtxt", {});
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->init_from(), output_);
    CpuDevice device;
    const auto stream = device.CreateStream();
    auto generator = Generator::Create(*config, device, *stream);
    ASSERT_TRUE(generator.ok()) << generator.status();
    const absl::Status loaded =
        LoadWeights(config->init_from(), (*generator)->params(), *stream);
    ASSERT_TRUE(loaded.ok()) << loaded;
    const auto expected =
        nlohmann::json::parse(*ReadFile(source + "/expected.json"));
    const auto tokens = expected["tokens"].get<std::vector<int32_t>>();
    const auto logits = expected["logits"].get<std::vector<Row>>();
    double largest = 0;
    for (const Row& row : logits) {
      for (const double x : row) largest = std::max(largest, std::abs(x));
    }
    for (size_t t = 0; t < tokens.size(); ++t) {
      const std::vector<float> got =
          (*generator)->Logits(absl::MakeSpan(tokens).subspan(0, t + 1));
      ASSERT_EQ(got.size(), logits[t].size());
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(got[i], logits[t][i], tolerance * largest)
            << "token " << t << " logit " << i;
      }
    }
  }

  using Row = std::vector<double>;
  const TempDir dir_;
  const std::string output_ = dir_ / "imported";
};

TEST_F(WeightImportTest, LlamaInShards) {
  const auto summary = ImportWeights(Options(Data("llama")));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->tensors, 21);
  EXPECT_EQ(summary->elements, 2040);
  EXPECT_EQ(summary->bytes, 8160);
  EXPECT_EQ(summary->files, 1);
  EXPECT_THAT(
      Names(output_),
      UnorderedElementsAre("config.json", "config.pbtxt", "model.safetensors"));
  EXPECT_THAT(
      *ReadFile(output_ + "/config.pbtxt"),
      AllOf(HasSubstr("name: \"imported\""), HasSubstr("num_kv_heads: 2"),
            HasSubstr("rope_theta: 500"), HasSubstr("norm_eps: 0.001"),
            HasSubstr("kind: SOFTMAX"), HasSubstr("eos_token_id: 22")));
  ExpectLogits(Data("llama"));
}

TEST_F(WeightImportTest, TiedLlamaInBfloat16) {
  ASSERT_TRUE(ImportWeights(Options(Data("llama_tied"))).ok());
  EXPECT_THAT(*ReadFile(output_ + "/config.pbtxt"),
              HasSubstr("tie_embeddings: true"));
  ExpectLogits(Data("llama_tied"));
}

TEST_F(WeightImportTest, LlamaInFloat16WithOneKeyValueHead) {
  ASSERT_TRUE(ImportWeights(Options(Data("llama_half"))).ok());
  ExpectLogits(Data("llama_half"));
}

TEST_F(WeightImportTest, TheAuthorsLayout) {
  ASSERT_TRUE(ImportWeights(Options(Data("authors"))).ok());
  EXPECT_THAT(*ReadFile(output_ + "/config.pbtxt"),
              AllOf(HasSubstr("kind: COG"), HasSubstr("softmax_layers: 0"),
                    HasSubstr("softmax_layers: -1")));
  ExpectLogits(Data("authors"));
}

TEST_F(WeightImportTest, AFileAloneNeedsToBeToldWhatShapesDoNot) {
  const std::string file = dir_ / "weights.safetensors";
  ASSERT_TRUE(
      WriteFileAtomically(file, *ReadFile(Data("authors/model.safetensors")))
          .ok());
  ImportOptions options = Options(file);
  EXPECT_THAT(
      ImportWeights(options).status().message(),
      AllOf(HasSubstr("model.cogformer.num_heads: is missing"),
            HasSubstr("model.cogformer.max_seq_len: is missing"),
            Not(HasSubstr("vocab_size")), HasSubstr("--config or --set")));
  options.overrides = {"model.cogformer.num_heads=3",
                       "model.cogformer.max_seq_len=32",
                       "model.cogformer.norm_eps=1e-3"};
  const auto summary = ImportWeights(options);
  ASSERT_TRUE(summary.ok()) << summary.status();
  ExpectLogits(Data("authors"));
}

TEST_F(WeightImportTest, AConfigurationElsewhere) {
  ImportOptions options = Options(Data("llama_half/model.safetensors"));
  options.config = Data("authors/config.json");
  EXPECT_THAT(
      ImportWeights(options).status().message(),
      HasSubstr("model.layers.2.mlp.up_proj.weight [10, 8] is missing"));
  ASSERT_TRUE(ImportWeights(Options(Data("llama_half"))).ok());
  options.config = output_ + "/config.pbtxt";
  options.output.path = dir_ / "again";
  ASSERT_TRUE(ImportWeights(options).ok());
  EXPECT_EQ(*ReadFile(output_ + "/model.safetensors"),
            *ReadFile(dir_ / "again/model.safetensors"));
  EXPECT_EQ(*ReadFile(output_ + "/config.json"),
            *ReadFile(dir_ / "again/config.json"));
}

TEST_F(WeightImportTest, LlamasNamesDoNotTellTheAttention) {
  const std::string file = dir_ / "weights.safetensors";
  ASSERT_TRUE(
      WriteFileAtomically(file, *ReadFile(Data("llama_half/model.safetensors")))
          .ok());
  EXPECT_THAT(ImportWeights(Options(file)).status().message(),
              HasSubstr("model.cogformer.attention.kind: the tensors do not "
                        "tell; name a configuration with --config"));
}

TEST_F(WeightImportTest, AllWrongTensorsAreNamed) {
  const std::vector<float> zeros(1000);
  const absl::string_view bytes(reinterpret_cast<const char*>(zeros.data()),
                                4000);
  std::vector<TensorToStore> tensors;
  const auto add = [&](const std::string& name, Shape shape,
                       DType dtype = DType::kFloat32) {
    tensors.push_back(
        {.name = name,
         .dtype = dtype,
         .shape = shape,
         .bytes = bytes.substr(0, shape.num_elements() * SizeOf(dtype))});
  };
  const std::string layer = "model.layers.0.";
  add("model.embed_tokens.weight", {11, 4});
  add(layer + "input_layernorm.weight", {4});
  add(layer + "self_attn.q_proj.weight", {4, 4});
  add(layer + "self_attn.k_proj.weight", {4, 3});
  add(layer + "self_attn.v_proj.weight", {2, 4});
  add(layer + "self_attn.o_proj.weight", {4, 4}, DType::kInt32);
  add(layer + "self_attn.o_proj.bias", {4});
  add(layer + "self_attn.rotary_emb.inv_freq", {1});
  add(layer + "post_attention_layernorm.weight", {4});
  add(layer + "mlp.gate_proj.weight", {6, 4});
  add(layer + "mlp.up_proj.weight", {6, 4});
  add("lm_head.weight", {11, 4});
  const std::string file = dir_ / "weights.safetensors";
  ASSERT_TRUE(WriteSafetensors(file, tensors).ok());
  ImportOptions options = Options(file);
  options.overrides = {"model.cogformer.attention.kind=SOFTMAX",
                       "model.cogformer.num_heads=2",
                       "model.cogformer.max_seq_len=8"};
  const absl::Status status = ImportWeights(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(
      status.message(),
      AllOf(HasSubstr(file + ": tensor model.layers.0.self_attn.o_proj.weight "
                             "has dtype I32 where F32, BF16, F16 or F64"),
            HasSubstr("tensor model.layers.0.mlp.down_proj.weight [4, 6] is "
                      "missing"),
            HasSubstr("tensor model.norm.weight [4] is missing"),
            HasSubstr("tensor model.layers.0.self_attn.k_proj.weight has "
                      "shape [4, 3], the model's is [4, 4]"),
            HasSubstr("tensor model.layers.0.self_attn.v_proj.weight has "
                      "shape [2, 4], the model's is [4, 4]"),
            HasSubstr("tensor model.layers.0.self_attn.o_proj.bias [4] is not "
                      "part of the model"),
            Not(HasSubstr("inv_freq")), Not(HasSubstr("q_proj"))));
  EXPECT_FALSE(FileExists(output_));
}

TEST_F(WeightImportTest, OtherFilesAreRefused) {
  const std::vector<float> zeros(4);
  const std::string file = dir_ / "weights.safetensors";
  ASSERT_TRUE(
      WriteSafetensors(
          file, {{.name = "transformer.wte.weight",
                  .shape = {2, 2},
                  .bytes = {reinterpret_cast<const char*>(zeros.data()), 16}}})
          .ok());
  EXPECT_THAT(ImportWeights(Options(file)).status().message(),
              HasSubstr("holds neither model.embed_tokens.weight, as Llama in "
                        "Transformers, nor embedding.weight, as the published "
                        "Cogformer, but 1 other tensors, e.g. transformer"));
  EXPECT_EQ(ImportWeights(Options(dir_ / "none")).status().code(),
            absl::StatusCode::kNotFound);
  ASSERT_TRUE(CreateDirectories(output_).ok());
  EXPECT_THAT(ImportWeights(Options(Data("llama"))).status().message(),
              HasSubstr("imported: exists already; choose another name"));
}

}  // namespace
}  // namespace cogdist
