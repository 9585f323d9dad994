// Initial weights and weight files by parts: what any layout holds, reads and
// writes is what one rank does.

#include "parallel/weights.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parallel/weight_sync.h"
#include "runtime/bfloat16.h"
#include "runtime/file.h"
#include "runtime/safetensors.h"
#include "tests/temp_dir.h"
#include "tests/testing/rank_threads.h"
#include "tests/testing/safetensors_file.h"

namespace cogdist::testing {
namespace {

using ::testing::HasSubstr;

// A rank's place; null groups are of one rank.
struct Place {
  Communicator* tensor = nullptr;
  Communicator* pipeline = nullptr;
  bool tied = false;  // a copy of q at the end
};

int Rank(const Communicator* group) { return group ? group->rank() : 0; }
int Size(const Communicator* group) { return group ? group->size() : 1; }

// Two units of odd sizes: q by rows and k by rows stacked, then a matrix by
// columns and a gain of which all have copies. On two pipeline stages the units
// are one on each.
void Register(ParamStore& params, const Place& place) {
  const auto shard = [&](NamedTensor tensor, int dim) {
    return ShardOf(std::move(tensor), dim, Size(place.tensor),
                   Rank(place.tensor));
  };
  const int stages = Size(place.pipeline);
  if (stages == 1 || Rank(place.pipeline) == 0) {
    const ParamStore::UnitId unit = params.AddUnit("first");
    params.Add(unit,
               {.tensors = {shard({"q", {3, 5}}, 0), shard({"k", {2, 5}}, 0)},
                .init = {}});
  }
  if (stages > 1 && Rank(place.pipeline) == 0) return;
  const ParamStore::UnitId unit = params.AddUnit("second");
  params.Add(unit, {.tensors = {shard({"matrix", {13, 11}}, 1)}, .init = {}});
  params.Add(unit, {.tensors = {{.name = "gain",
                                 .shape = {7},
                                 .copies = {place.tensor, false}}},
                    .init = {}});
  if (!place.tied) return;
  params.Add(params.AddUnit("head"),
             {.tensors = {{"q", {3, 5}}}, .init = {}, .tied = true});
}

std::string Contents(const std::string& path) {
  const auto text = ReadFile(path);
  COG_CHECK_OK(text.status());
  return *text;
}

// A file with 1/3, 1 + 1/3, 2 + 1/3... in each tensor.
void WriteReference(const std::string& path) {
  std::vector<float> values(200);
  for (size_t i = 0; i < values.size(); ++i) values[i] = i + 1.0f / 3;
  std::vector<TensorToStore> tensors;
  for (const TensorSpec& spec :
       std::vector<TensorSpec>{{.name = "q", .shape = {3, 5}},
                               {.name = "k", .shape = {2, 5}},
                               {.name = "matrix", .shape = {13, 11}},
                               {.name = "gain", .shape = {7}}}) {
    tensors.push_back(
        {.name = spec.name,
         .shape = spec.shape,
         .bytes = absl::string_view(
             reinterpret_cast<const char*>(values.data()), spec.bytes())});
  }
  COG_CHECK_OK(WriteSafetensors(path, tensors));
}

struct Layout {
  int ranks = 1, tensor = 1, pipeline = 1, stage = 0;
  DType precision = DType::kFloat32;
  bool tied = false;
};

absl::Status Allocate(ParamStore& params, RankContext& context,
                      const Layout& layout) {
  return params.Allocate({.device = *context.device,
                          .stream = *context.streams.compute,
                          .precision = layout.precision,
                          .zero_stage = layout.stage,
                          .replicas = context.groups.replicas->size(),
                          .replica = context.groups.replicas->rank()});
}

void RunLayout(const Layout& layout,
               const std::function<void(RankContext&, ParamStore&)>& body) {
  ParallelConfig parallel;
  parallel.set_tensor(layout.tensor);
  parallel.set_pipeline(layout.pipeline);
  RunRankContexts(layout.ranks, parallel, [&](RankContext& context) {
    ParamStore params;
    Register(params, {.tensor = context.groups.tensor.get(),
                      .pipeline = context.groups.pipeline.get(),
                      .tied = layout.tied});
    COG_CHECK_OK(Allocate(params, context, layout));
    body(context, params);
  });
}

class LayoutsTest : public ::testing::TestWithParam<Layout> {};

TEST_P(LayoutsTest, WhatIsReadIsWrittenAgain) {
  const TempDir dir;
  WriteReference(dir / "reference");
  RunLayout(GetParam(), [&](RankContext& context, ParamStore& params) {
    COG_CHECK_OK(LoadWeights(dir / "reference", params,
                             *context.streams.compute,
                             context.groups.pipeline.get()));
    COG_CHECK_OK(SaveWeights(params, context, dir / "w"));
  });
  EXPECT_EQ(Contents(dir / "w"), Contents(dir / "reference"));
}

TEST_P(LayoutsTest, AllRanksLearnOfAnErrorOfTheWriter) {
  RunLayout(GetParam(), [&](RankContext& context, ParamStore& params) {
    const absl::Status status = SaveWeights(params, context, "/nowhere/w");
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("/nowhere/w"));
  });
}

TEST_P(LayoutsTest, AllStagesLearnOfAMissingTensor) {
  const TempDir dir;
  const std::string bytes(13 * 11 * 4, '\0');
  COG_CHECK_OK(WriteSafetensors(
      dir / "w", {{.name = "matrix", .shape = {13, 11}, .bytes = bytes},
                  {.name = "gain",
                   .shape = {7},
                   .bytes = absl::string_view(bytes).substr(0, 28)}}));
  RunLayout(GetParam(), [&](RankContext& context, ParamStore& params) {
    const absl::Status status =
        LoadWeights(dir / "w", params, *context.streams.compute,
                    context.groups.pipeline.get());
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("tensor q is missing"));
  });
}

INSTANTIATE_TEST_SUITE_P(
    All, LayoutsTest,
    ::testing::Values(
        Layout{}, Layout{.ranks = 3}, Layout{.tied = true},
        Layout{.ranks = 2, .tensor = 2}, Layout{.ranks = 3, .tensor = 3},
        Layout{.ranks = 2, .pipeline = 2}, Layout{.ranks = 2, .stage = 3},
        Layout{.ranks = 8,
               .tensor = 2,
               .pipeline = 2,
               .stage = 3,
               .precision = DType::kBFloat16},
        Layout{
            .ranks = 6, .tensor = 2, .stage = 1, .precision = DType::kBFloat16},
        Layout{.ranks = 4, .tensor = 2, .stage = 2}),
    [](const auto& info) {
      const Layout& layout = info.param;
      return absl::StrCat(layout.ranks, "ranks_tensor", layout.tensor,
                          "_pipeline", layout.pipeline, "_stage", layout.stage,
                          "_", std::string(Name(layout.precision)),
                          layout.tied ? "_tied" : "");
    });

TEST(WeightsBFloat16Test, TheNetworkReadsRoundedWeights) {
  const TempDir dir;
  WriteReference(dir / "w");
  CpuDevice device;
  const auto stream = device.CreateStream();
  ParamStore params;
  Register(params, {});
  COG_CHECK_OK(params.Allocate({.device = device,
                                .stream = *stream,
                                .precision = DType::kBFloat16,
                                .use = ParamStore::Use::kInference}));
  COG_CHECK_OK(LoadWeights(dir / "w", params, *stream));
  EXPECT_EQ(params.weight(0).Data<BFloat16>()[4].bits,
            BFloat16(4 + 1.0f / 3).bits);
}

class WeightsTest : public ::testing::Test {
 protected:
  // The error of loading a file with these tensors.
  std::string Load(const std::vector<NamedTensor>& tensors) {
    const TempDir dir;
    const std::string bytes(4 << 10, '\0');
    std::vector<TensorToStore> stored;
    for (const NamedTensor& tensor : tensors) {
      const size_t size = tensor.shape.num_elements() * sizeof(float);
      stored.push_back({.name = tensor.name,
                        .shape = tensor.shape,
                        .bytes = absl::string_view(bytes).substr(0, size)});
    }
    COG_CHECK_OK(WriteSafetensors(dir / "w", stored));
    AllocateWhole();
    const absl::Status status = LoadWeights(dir / "w", params_, *stream_);
    EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  }

  void AllocateWhole() {
    params_ = ParamStore();
    Register(params_, {});
    COG_CHECK_OK(params_.Allocate({.device = device_, .stream = *stream_}));
  }

  CpuDevice device_;
  std::unique_ptr<Stream> stream_ = device_.CreateStream();
  ParamStore params_;
  const NamedTensor q_ = {"q", {3, 5}};
  const NamedTensor k_ = {"k", {2, 5}};
  const NamedTensor matrix_tensor_ = {"matrix", {13, 11}};
  const NamedTensor gain_tensor_ = {"gain", {7}};
};

TEST_F(WeightsTest, TensorsAreTheModelsAndNoOthers) {
  EXPECT_EQ(Load({q_, k_, matrix_tensor_, gain_tensor_}), "");
  EXPECT_THAT(Load({q_, k_, gain_tensor_}),
              HasSubstr("tensor matrix is missing"));
  EXPECT_THAT(Load({q_, k_, matrix_tensor_, gain_tensor_, {"bias", {1}}}),
              HasSubstr("tensor bias is not part of the model"));
  EXPECT_THAT(Load({q_, {"k", {5, 2}}, matrix_tensor_, gain_tensor_}),
              HasSubstr("tensor k has shape [5, 2], the model's is [2, 5]"));
  EXPECT_THAT(Load({q_, {"k", {10}}, matrix_tensor_, gain_tensor_}),
              HasSubstr("tensor k has shape [10]"));
}

TEST_F(WeightsTest, AMissingFileIsNotFound) {
  AllocateWhole();
  EXPECT_TRUE(absl::IsNotFound(LoadWeights("/nowhere/w", params_, *stream_)));
}

}  // namespace
}  // namespace cogdist::testing
