// Where parameters lie in the flat buffers, and what is stored of them in
// files.

#include "parallel/param_store.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parallel/weights.h"
#include "runtime/bfloat16.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/safetensors.h"
#include "runtime/safetensors_writer.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using ::testing::HasSubstr;

// Two units of odd sizes: q and k stacked in one parameter, and a gain.
class ParamStoreTest : public ::testing::Test {
 protected:
  void Allocate(DType precision, ParamStore::Use use) {
    params_ = ParamStore();
    const ParamStore::UnitId first = params_.AddUnit("first");
    qk_ = params_.Add(
        first,
        {.tensors = {{"q", Shape({3, 5})}, {"k", Shape({2, 5})}}, .init = {}});
    const ParamStore::UnitId second = params_.AddUnit("second");
    matrix_ = params_.Add(
        second, {.tensors = {{"matrix", Shape({13, 11})}}, .init = {}});
    gain_ =
        params_.Add(second, {.tensors = {{"gain", Shape({7})}}, .init = {}});
    ASSERT_TRUE(params_.Allocate(device_, *stream_, precision, use).ok());
  }

  // 1, 2, 3... for the elements of each tensor in the order of registration.
  void FillMaster() {
    float next = 1;
    for (const ParamStore::Tensor& tensor : params_.tensors()) {
      float* const x = params_.master(tensor.range).Data<float>();
      for (int64_t i = 0; i < tensor.range.count; ++i) x[i] = next++;
    }
  }

  std::vector<float> Master() {
    const float* const x = params_.master(params_.all()).Data<float>();
    return std::vector<float>(x, x + params_.all().count);
  }

  CpuDevice device_;
  std::unique_ptr<Stream> stream_ = device_.CreateStream();
  ParamStore params_;
  ParamStore::ParamId qk_ = 0, matrix_ = 0, gain_ = 0;
};

TEST_F(ParamStoreTest, StackedTensorsAreOneMatrix) {
  Allocate(DType::kFloat32, ParamStore::Use::kTraining);
  FillMaster();
  EXPECT_EQ(params_.weight(qk_).shape, Shape({5, 5}));
  EXPECT_EQ(params_.gradient(qk_).shape, Shape({5, 5}));
  EXPECT_EQ(params_.weight(gain_).shape, Shape({7}));
  // Row 3 of the stack is the first of k, the 16th element.
  EXPECT_EQ(params_.weight(qk_).Slice(0, 3, 1).Data<float>()[0], 16);
  EXPECT_EQ(params_.weight(matrix_).Data<float>()[0], 26);
  EXPECT_EQ(params_.num_parameters(), 25 + 143 + 7);
  EXPECT_TRUE(params_.tensors()[0].decays());
  EXPECT_FALSE(params_.tensors()[3].decays());
}

TEST_F(ParamStoreTest, UnitsCoverTheBuffersAndParametersAreAligned) {
  Allocate(DType::kBFloat16, ParamStore::Use::kTraining);
  int64_t next = 0;
  for (int unit = 0; unit < params_.num_units(); ++unit) {
    EXPECT_EQ(params_.unit_range(unit).begin, next);
    next += params_.unit_range(unit).count;
  }
  EXPECT_EQ(params_.all().count, next);
  for (const ParamStore::ParamId id : {qk_, matrix_, gain_}) {
    for (const TensorView& x : {params_.weight(id), params_.gradient(id)}) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(x.data) % Device::kAlignment, 0u);
    }
  }
}

TEST_F(ParamStoreTest, TakesTheBytesItSays) {
  for (const DType precision : {DType::kFloat32, DType::kBFloat16}) {
    const int64_t low = precision == DType::kBFloat16 ? 2 : 0;
    Allocate(precision, ParamStore::Use::kTraining);
    const int64_t n = params_.all().count;
    EXPECT_EQ(params_.bytes().weights, n * (4 + low));
    EXPECT_EQ(params_.bytes().gradients, n * 4);
    EXPECT_EQ(params_.bytes().optimizer, n * 8);
    EXPECT_EQ(device_.memory().current_bytes, n * (16 + low));
    Allocate(precision, ParamStore::Use::kInference);
    EXPECT_EQ(params_.bytes().gradients + params_.bytes().optimizer, 0);
    EXPECT_EQ(device_.memory().current_bytes, n * (4 + low));
  }
}

TEST_F(ParamStoreTest, StartsAtZeroAndZeroesGradientsOnly) {
  Allocate(DType::kFloat32, ParamStore::Use::kTraining);
  for (const float x : Master()) ASSERT_EQ(x, 0);
  FillMaster();
  params_.gradient(gain_).Data<float>()[6] = 3;
  params_.ZeroGradients(*stream_);
  EXPECT_EQ(params_.gradient(gain_).Data<float>()[6], 0);
  EXPECT_EQ(params_.weight(gain_).Data<float>()[6], 175);
}

TEST_F(ParamStoreTest, WeightFilesKeepEveryBit) {
  const TempDir dir;
  Allocate(DType::kFloat32, ParamStore::Use::kTraining);
  FillMaster();
  params_.master(params_.all()).Data<float>()[0] = 1.0f / 3;
  const std::vector<float> before = Master();
  ASSERT_TRUE(SaveWeights(params_, *stream_, dir / "w").ok());
  const auto reader = SafetensorsReader::Open(dir / "w");
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader->tensors().size(), 4u);  // q and k apart
  EXPECT_EQ(reader->Find("k")->shape, Shape({2, 5}));

  Allocate(DType::kBFloat16, ParamStore::Use::kInference);
  ASSERT_TRUE(LoadWeights(dir / "w", params_, *stream_).ok());
  EXPECT_EQ(Master(), before);
  EXPECT_EQ(params_.weight(qk_).Data<BFloat16>()[0].bits,
            BFloat16(1.0f / 3).bits);
}

class WeightsTest : public ParamStoreTest {
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
    Allocate(DType::kFloat32, ParamStore::Use::kInference);
    const absl::Status status = LoadWeights(dir / "w", params_, *stream_);
    EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  }

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
  Allocate(DType::kFloat32, ParamStore::Use::kInference);
  EXPECT_TRUE(absl::IsNotFound(LoadWeights("/nowhere/w", params_, *stream_)));
}

TEST_F(ParamStoreTest, RegistrationEndsWithAllocation) {
  Allocate(DType::kFloat32, ParamStore::Use::kInference);
  EXPECT_DEATH(params_.Add(1, {.tensors = {{"late", Shape({1})}}, .init = {}}),
               "before Allocate");
  ParamStore other;
  other.AddUnit("first");
  other.AddUnit("second");
  EXPECT_DEATH(other.Add(0, {.tensors = {{"x", Shape({1})}}, .init = {}}),
               "0 vs 1");
}

}  // namespace
}  // namespace cogdist
