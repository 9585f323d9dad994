// Where parameters lie in the flat buffers.

#include "parallel/param_store.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/bfloat16.h"
#include "runtime/cpu/cpu_device.h"

namespace cogdist {
namespace {

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
    ASSERT_TRUE(params_
                    .Allocate({.device = device_,
                               .stream = *stream_,
                               .precision = precision,
                               .use = use})
                    .ok());
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
    const bool low = precision == DType::kBFloat16;
    Allocate(precision, ParamStore::Use::kTraining);
    const int64_t n = params_.all().count;
    EXPECT_EQ(params_.bytes().weights, n * (low ? 6 : 4));
    EXPECT_EQ(params_.bytes().gradients, n * 4);
    EXPECT_EQ(params_.bytes().optimizer, n * 8);
    EXPECT_EQ(device_.memory().current_bytes, n * (low ? 18 : 16));
    Allocate(precision, ParamStore::Use::kInference);
    EXPECT_EQ(params_.bytes().gradients + params_.bytes().optimizer, 0);
    EXPECT_EQ(device_.memory().current_bytes, n * (low ? 2 : 4));
  }
}

TEST_F(ParamStoreTest, StartsAtZero) {
  Allocate(DType::kFloat32, ParamStore::Use::kTraining);
  for (const float x : Master()) ASSERT_EQ(x, 0);
  const TensorView gradients = params_.gradients(params_.all());
  for (int64_t i = 0; i < gradients.num_elements(); ++i) {
    ASSERT_EQ(gradients.Data<float>()[i], 0);
  }
}

TEST_F(ParamStoreTest, WritesWhatTheNetworkReads) {
  for (const ParamStore::Use use :
       {ParamStore::Use::kTraining, ParamStore::Use::kInference}) {
    Allocate(DType::kBFloat16, use);
    const ParamStore::Tensor& k = params_.tensors()[1];
    EXPECT_EQ(params_.stored(k).count, 10);
    params_.Write(*stream_, k, 3, {1.0f / 3, 2});
    const BFloat16* const low = params_.weight(qk_).Data<BFloat16>() + 15;
    EXPECT_EQ(static_cast<float>(low[2]), 0);
    EXPECT_EQ(low[3].bits, BFloat16(1.0f / 3).bits);
    EXPECT_EQ(static_cast<float>(low[4]), 2);
    if (use == ParamStore::Use::kInference) continue;
    EXPECT_EQ(params_.master(k.range).Data<float>()[3], 1.0f / 3);
  }
}

TEST_F(ParamStoreTest, ANameIsRegisteredOnceUnlessTied) {
  const auto spec = [](bool tied) {
    return ParamSpec{.tensors = {{"x", Shape({2})}}, .init = {}, .tied = tied};
  };
  const ParamStore::UnitId unit = params_.AddUnit("unit");
  EXPECT_DEATH(params_.Add(unit, spec(true)), "x is tied to nothing");
  params_.Add(unit, spec(false));
  EXPECT_DEATH(params_.Add(unit, spec(false)), "x is registered twice");
  params_.Add(unit, spec(true));
  EXPECT_TRUE(params_.tensors()[0].counts());
  EXPECT_FALSE(params_.tensors()[1].counts());
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
