// Other programs' weights against a direct computation of what they stand for.

#include "models/weight_layout.h"

#include <cmath>
#include <complex>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/cogformer.h"
#include "runtime/rng.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;

CogformerConfig SmallConfig() {
  CogformerConfig config;
  config.set_vocab_size(17);
  config.set_num_layers(11);
  config.set_hidden_size(16);
  config.set_num_heads(4);
  config.set_num_kv_heads(2);
  config.set_head_dim(6);
  config.set_ffn_size(12);
  config.set_max_seq_len(8);
  return config;
}

TEST(WeightLayoutTest, EveryParameterHasANameOfItsOwn) {
  const std::vector<NamedTensor> parameters = ParametersOf(SmallConfig());
  ASSERT_EQ(parameters.size(), 3u + 9 * 11);
  std::set<std::string> names;
  for (const NamedTensor& parameter : parameters) {
    EXPECT_EQ(SourceOf(WeightLayout::kLlama, parameter.name).name,
              parameter.name);
    names.insert(SourceOf(WeightLayout::kAuthors, parameter.name).name);
  }
  EXPECT_EQ(names.size(), parameters.size());
  EXPECT_TRUE(names.contains("embedding.weight"));
  EXPECT_TRUE(names.contains("layers.10.attention.qw"));
  EXPECT_TRUE(names.contains("layers.0.ffn.shared_experts.0.gw"));
  EXPECT_TRUE(names.contains("layers.3.ffn_norm.weight"));
}

TEST(WeightLayoutTest, TiedParametersAreListedOnce) {
  CogformerConfig config = SmallConfig();
  config.set_tie_embeddings(true);
  std::set<std::string> names;
  for (const NamedTensor& parameter : ParametersOf(config)) {
    EXPECT_TRUE(names.insert(parameter.name).second) << parameter.name;
  }
  EXPECT_FALSE(names.contains("lm_head.weight"));
}

TEST(WeightLayoutTest, TellsLayersAndTables) {
  using enum WeightLayout;
  EXPECT_EQ(LayerOf(kLlama, "model.layers.12.mlp.up_proj.weight"), 12);
  EXPECT_EQ(LayerOf(kAuthors, "layers.0.attention.qw"), 0);
  for (const char* const none :
       {"model.norm.weight", "model.layers.", "model.layers.x.y", "layers.1.qw",
        "model.layers.-1.y", "model.layers.99999999999999999999.y"}) {
    EXPECT_FALSE(LayerOf(kLlama, none).has_value()) << none;
  }
  EXPECT_TRUE(
      IsConstantTable(kLlama, "model.layers.0.self_attn.rotary_emb.inv_freq"));
  EXPECT_TRUE(IsConstantTable(kAuthors, "freqs_cis"));
  EXPECT_FALSE(IsConstantTable(kLlama, "freqs_cis"));
}

TEST(WeightLayoutTest, InterleavedRowsOfTwoHeads) {
  std::vector<int64_t> rows(12);
  for (int64_t i = 0; i < 12; ++i) rows[i] = InterleavedRow(i, 6);
  EXPECT_THAT(rows, ElementsAre(0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11));
}

// One head's vector at a position, turned pair by pair.
std::vector<double> Rotated(std::vector<double> x, double position,
                            bool interleaved) {
  const size_t half = x.size() / 2;
  for (size_t pair = 0; pair < half; ++pair) {
    double& a = x[interleaved ? 2 * pair : pair];
    double& b = x[interleaved ? 2 * pair + 1 : pair + half];
    const std::complex<double> turned =
        std::complex<double>(a, b) *
        std::polar(1.0, position * std::pow(100.0, -1.0 * pair / half));
    a = turned.real();
    b = turned.imag();
  }
  return x;
}

// x W for W [in, out], as the authors multiply; or W x for ours.
std::vector<double> Product(const std::vector<float>& w,
                            const std::vector<double>& x, int64_t out,
                            bool transposed) {
  std::vector<double> y(out);
  const int64_t in = x.size();
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t i = 0; i < in; ++i) {
      y[o] += x[i] * w[transposed ? i * out + o : o * in + i];
    }
  }
  return y;
}

TEST(WeightLayoutTest, ScoresAreThoseOfTheAuthorsRotation) {
  constexpr int64_t kHeads = 3, kDim = 10, kRows = kHeads * kDim, kCols = 67;
  const auto random = [](int64_t size, uint64_t seed) {
    std::vector<float> values(size);
    Rng(seed, "weights").FillNormal(absl::MakeSpan(values), 0, 1);
    return values;
  };
  const std::vector<float> x1 = random(kCols, 1), x2 = random(kCols, 2);
  const std::vector<float> theirs[] = {random(kRows * kCols, 3),
                                       random(kRows * kCols, 4)};
  std::vector<float> ours[2];
  for (const int i : {0, 1}) {
    ours[i].resize(kRows * kCols);
    Rearrange(SourceOf(WeightLayout::kAuthors,
                       i == 0 ? "model.layers.0.self_attn.q_proj.weight"
                              : "model.layers.0.self_attn.k_proj.weight"),
              {.out = absl::MakeSpan(ours[i]),
               .stored = theirs[i],
               .rows = kRows,
               .cols = kCols,
               .head_dim = kDim});
  }
  const auto score = [&](const std::vector<float>* w, bool of_authors,
                         int64_t head) {
    const auto turned = [&](const std::vector<float>& matrix,
                            const std::vector<float>& x, double position) {
      const std::vector<double> y =
          Product(matrix, {x.begin(), x.end()}, kRows, of_authors);
      return Rotated({y.begin() + head * kDim, y.begin() + (head + 1) * kDim},
                     position, of_authors);
    };
    const std::vector<double> q = turned(w[0], x1, 7), k = turned(w[1], x2, 3);
    return std::inner_product(q.begin(), q.end(), k.begin(), 0.0);
  };
  for (int64_t head = 0; head < kHeads; ++head) {
    const double expected = score(theirs, /*of_authors=*/true, head);
    EXPECT_NEAR(score(ours, /*of_authors=*/false, head), expected,
                1e-12 * std::abs(expected));
  }
}

TEST(WeightLayoutTest, MatricesOfOddSizesAreTransposed) {
  const WeightSource source =
      SourceOf(WeightLayout::kAuthors, "model.layers.0.mlp.gate_proj.weight");
  EXPECT_EQ(source.name, "layers.0.ffn.shared_experts.0.pw");
  constexpr int64_t kRows = 5, kCols = 131;
  EXPECT_EQ(StoredShape(source, {kRows, kCols}), Shape({kCols, kRows}));
  std::vector<float> stored(kRows * kCols), out(stored.size());
  std::iota(stored.begin(), stored.end(), 0.0f);
  Rearrange(source, {.out = absl::MakeSpan(out),
                     .stored = stored,
                     .rows = kRows,
                     .cols = kCols});
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t col = 0; col < kCols; ++col) {
      ASSERT_EQ(out[row * kCols + col], col * kRows + row);
    }
  }
}

}  // namespace
}  // namespace cogdist
