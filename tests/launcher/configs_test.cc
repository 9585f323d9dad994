// The configurations that come with the program: valid, of the advertised size,
// and each Cogformer with a softmax twin that differs in nothing else.

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "launcher/config.h"
#include "launcher/validate.h"
#include "models/cost.h"

namespace cogdist {
namespace {

using ::google::protobuf::util::MessageDifferencer;

RunConfig Load(const std::string& name) {
  const auto config =
      LoadRunConfig(absl::StrCat("configs/", name, ".pbtxt"), {});
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : RunConfig();
}

const std::map<std::string, int64_t>& AdvertisedParameters() {
  static const auto* const parameters = new std::map<std::string, int64_t>{
      {"quickstart", 5'278'976},         {"bench_h512", 29'893'120},
      {"cogformer_141m", 141'183'744},   {"cogformer_350m", 354'993'152},
      {"cogformer_1b", 1'364'297'728},   {"cogformer_3b", 2'914'667'520},
      {"transformer_141m", 141'183'744}, {"transformer_350m", 354'993'152},
      {"transformer_1b", 1'364'297'728}, {"transformer_3b", 2'914'667'520},
      {"tiny_64ranks", 697'920},
  };
  return *parameters;
}

// Tensor by tensor, as the Llama names list them.
int64_t CountTensors(const CogformerConfig& model) {
  const int64_t hidden = model.hidden_size();
  const int64_t query = model.num_heads() * model.head_dim();
  const int64_t key_value = model.num_kv_heads() * model.head_dim();
  int64_t count = model.vocab_size() * hidden;  // embed_tokens
  for (int64_t layer = 0; layer < model.num_layers(); ++layer) {
    count += hidden;                           // input_layernorm
    count += query * hidden + hidden * query;  // q_proj, o_proj
    count += 2 * key_value * hidden;           // k_proj, v_proj
    count += hidden;                           // post_attention_layernorm
    count += 3 * model.ffn_size() * hidden;    // gate, up, down
  }
  count += hidden;                                                    // norm
  if (!model.tie_embeddings()) count += model.vocab_size() * hidden;  // lm_head
  return count;
}

TEST(ConfigsTest, EveryFileIsListedHere) {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("configs")) {
    found.insert(entry.path().stem().string());
  }
  std::set<std::string> listed;
  for (const auto& [name, parameters] : AdvertisedParameters()) {
    listed.insert(name);
  }
  EXPECT_EQ(found, listed);
}

TEST(ConfigsTest, AreValidForOneTwoAndFourReplicas) {
  for (const auto& [name, parameters] : AdvertisedParameters()) {
    // The benchmark's 8 sequences are one micro-batch, for one replica.
    const RunConfig config = Load(name);
    const ParallelConfig& parallel = config.parallel();
    for (const int64_t replicas : {1, 2, 4}) {
      if (name == "bench_h512" && replicas > 1) continue;
      if (name == "quickstart" && replicas > 2) continue;
      const int64_t ranks = replicas * parallel.tensor() * parallel.pipeline() *
                            parallel.context();
      const absl::Status status =
          ValidateConfig(config, {.world_size = ranks, .check_files = false});
      EXPECT_TRUE(status.ok()) << name << ", " << ranks << ": " << status;
    }
  }
}

TEST(ConfigsTest, HaveExactlyTheAdvertisedParameters) {
  for (const auto& [name, parameters] : AdvertisedParameters()) {
    const CogformerConfig model = Load(name).model().cogformer();
    EXPECT_EQ(CountTensors(model), parameters) << name;
    EXPECT_EQ(ParameterCount(model), parameters) << name;
  }
}

TEST(ConfigsTest, CogformersKeepSoftmaxInTheFirstAndLastLayer) {
  for (const auto& [name, parameters] : AdvertisedParameters()) {
    if (absl::StartsWith(name, "transformer")) continue;
    const AttentionConfig attention =
        Load(name).model().cogformer().attention();
    EXPECT_EQ(attention.kind(), AttentionConfig::COG) << name;
    EXPECT_THAT(attention.softmax_layers(), ::testing::ElementsAre(0, -1));
  }
}

TEST(ConfigsTest, TwinsDifferOnlyInNameRunDirAndAttention) {
  for (const char* const size : {"141m", "350m", "1b", "3b"}) {
    const RunConfig cogformer = Load(absl::StrCat("cogformer_", size));
    RunConfig twin = Load(absl::StrCat("transformer_", size));
    EXPECT_EQ(twin.name(), absl::StrCat("transformer_", size));
    EXPECT_EQ(twin.run_dir(), absl::StrCat("runs/transformer_", size));
    AttentionConfig& attention =
        *twin.mutable_model()->mutable_cogformer()->mutable_attention();
    EXPECT_EQ(attention.kind(), AttentionConfig::SOFTMAX);
    attention = cogformer.model().cogformer().attention();
    twin.set_name(cogformer.name());
    twin.set_run_dir(cogformer.run_dir());
    EXPECT_TRUE(MessageDifferencer::Equals(twin, cogformer)) << size;
  }
}

}  // namespace
}  // namespace cogdist
