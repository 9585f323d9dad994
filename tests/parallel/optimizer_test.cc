// The optimizer against AdamW written out in float64.

#include "parallel/optimizer.h"

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "runtime/bfloat16.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/rng.h"
#include "tests/parallel/norm_of.h"
#include "tests/testing/rank_threads.h"

namespace cogdist {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

OptimizerConfig Config() {
  OptimizerConfig config;  // the defaults, written out
  config.mutable_adamw()->set_beta1(0.9);
  config.mutable_adamw()->set_beta2(0.95);
  config.mutable_adamw()->set_eps(1e-8);
  config.mutable_adamw()->set_weight_decay(0.1);
  config.set_grad_clip_norm(1);
  return config;
}

// One matrix and one gain of two units, none of a round size.
class OptimizerTest : public ::testing::Test {
 protected:
  void SetUp() override { Allocate(DType::kFloat32); }

  void Allocate(DType precision) {
    params_ = std::make_unique<ParamStore>();
    params_->Add(params_->AddUnit("first"),
                 {.tensors = {{"matrix", Shape({37, 53})}}, .init = {}});
    params_->Add(params_->AddUnit("second"),
                 {.tensors = {{"gain", Shape({61})}}, .init = {}});
    ASSERT_TRUE(
        params_
            ->Allocate(
                {.device = device_, .stream = *stream_, .precision = precision})
            .ok());
    for (const ParamStore::Tensor& tensor : params_->tensors()) {
      const Rng rng(3, tensor.named.name);
      for (int64_t i = 0; i < tensor.range.count; ++i) {
        Master(tensor)[i] = rng.Normal(i);
      }
    }
  }

  float* Master(const ParamStore::Tensor& tensor) {
    return params_->master(tensor.range).Data<float>();
  }
  float* Gradient(const ParamStore::Tensor& tensor) {
    return params_->gradients(tensor.range).Data<float>();
  }
  const ParamStore::Tensor& matrix() { return params_->tensors()[0]; }
  const ParamStore::Tensor& gain() { return params_->tensors()[1]; }

  // Random gradients of deviation `size`; returns their norm.
  double DrawGradients(int step, double size) {
    double squares = 0;
    for (const ParamStore::Tensor& tensor : params_->tensors()) {
      const Rng rng(100 + step, tensor.named.name);
      for (int64_t i = 0; i < tensor.range.count; ++i) {
        Gradient(tensor)[i] = size * rng.Normal(i);
        squares +=
            static_cast<double>(Gradient(tensor)[i]) * Gradient(tensor)[i];
      }
    }
    return std::sqrt(squares);
  }

  Optimizer Create(const OptimizerConfig& config) {
    absl::StatusOr<Optimizer> optimizer = Optimizer::Create(
        {.config = config, .params = *params_, .device = device_});
    COG_CHECK_OK(optimizer.status());
    return *std::move(optimizer);
  }

  // A step on one rank; returns the norm.
  double Step(Optimizer& optimizer, double lr) {
    const Optimizer::Norm norm = testing::NormOf(optimizer, *stream_);
    EXPECT_EQ(norm.culprit, "");
    const double grad_norm = std::sqrt(norm.squares.Value());
    optimizer.Update(*stream_, {.lr = lr, .grad_norm = grad_norm});
    return grad_norm;
  }

  CpuDevice device_;
  std::unique_ptr<Stream> stream_ = device_.CreateStream();
  std::unique_ptr<ParamStore> params_;
};

// AdamW of one tensor in float64, from math.
class Reference {
 public:
  Reference(const float* param, int64_t count, double decay)
      : param_(param, param + count), m_(count), v_(count), decay_(decay) {}

  void Step(const float* gradient, double scale, double lr) {
    ++t_;
    for (size_t i = 0; i < param_.size(); ++i) {
      const double g = scale * gradient[i];
      m_[i] = 0.9 * m_[i] + 0.1 * g;
      v_[i] = 0.95 * v_[i] + 0.05 * g * g;
      const double m = m_[i] / (1 - std::pow(0.9, t_));
      const double v = v_[i] / (1 - std::pow(0.95, t_));
      param_[i] -= lr * decay_ * param_[i];
      param_[i] -= lr * m / (std::sqrt(v) + 1e-8);
    }
  }

  const std::vector<double>& param() const { return param_; }

 private:
  std::vector<double> param_, m_, v_;
  double decay_;
  int t_ = 0;
};

TEST_F(OptimizerTest, FollowsFloat64AdamWForFiftySteps) {
  Optimizer optimizer = Create(Config());
  Reference matrix_reference(Master(matrix()), matrix().range.count, 0.1);
  Reference gain_reference(Master(gain()), gain().range.count, 0);
  for (int step = 1; step <= 50; ++step) {
    // Norms of about 0.4 to 4.5: on both sides of the clipping threshold.
    const double norm = DrawGradients(step, step % 5 == 0 ? 0.1 : 0.01);
    const double lr = 0.01 * step / 50;
    EXPECT_NEAR(Step(optimizer, lr), norm, 1e-9 * norm);
    const double scale = std::min(1.0, 1 / (norm + 1e-6));
    matrix_reference.Step(Gradient(matrix()), scale, lr);
    gain_reference.Step(Gradient(gain()), scale, lr);
  }
  EXPECT_EQ(optimizer.updates(), 50);
  for (int64_t i = 0; i < matrix().range.count; ++i) {
    ASSERT_NEAR(Master(matrix())[i], matrix_reference.param()[i], 5e-6) << i;
  }
  for (int64_t i = 0; i < gain().range.count; ++i) {
    ASSERT_NEAR(Master(gain())[i], gain_reference.param()[i], 5e-6) << i;
  }
}

TEST_F(OptimizerTest, DecaysMatricesAndNotGains) {
  Optimizer optimizer = Create(Config());
  const float before_matrix = Master(matrix())[5];
  const float before_gain = Master(gain())[5];
  const TensorView gradients = params_->gradients(params_->all());
  stream_->FillZero(gradients.data, gradients.bytes());
  EXPECT_EQ(Step(optimizer, 0.5), 0);
  EXPECT_FLOAT_EQ(Master(matrix())[5], before_matrix * 0.95f);
  EXPECT_EQ(Master(gain())[5], before_gain);
}

TEST_F(OptimizerTest, ZeroClipTurnsClippingOff) {
  OptimizerConfig config = Config();
  config.set_grad_clip_norm(0);
  Optimizer optimizer = Create(config);
  Reference reference(Master(gain()), gain().range.count, 0);
  for (int step = 1; step <= 2; ++step) {
    DrawGradients(step, 10.0 * step);
    Step(optimizer, 0.01);
    reference.Step(Gradient(gain()), 1, 0.01);
  }
  for (int64_t i = 0; i < gain().range.count; ++i) {
    ASSERT_NEAR(Master(gain())[i], reference.param()[i], 1e-6);
  }
}

TEST_F(OptimizerTest, RefreshesTheLowPrecisionWeights) {
  Allocate(DType::kBFloat16);
  Optimizer optimizer = Create(Config());
  DrawGradients(1, 1);
  Step(optimizer, 0.01);
  for (const ParamStore::Tensor& tensor : params_->tensors()) {
    const BFloat16* const low =
        params_->low_precision(tensor.range).Data<BFloat16>();
    for (int64_t i = 0; i < tensor.range.count; ++i) {
      ASSERT_EQ(low[i].bits, BFloat16(Master(tensor)[i]).bits);
    }
  }
}

TEST_F(OptimizerTest, NamesTheFirstTensorThatIsNotFinite) {
  Optimizer optimizer = Create(Config());
  for (const double bad : {kNan, 1e300 * 1e300}) {
    DrawGradients(2, 1);
    Gradient(gain())[60] = bad;
    Optimizer::Norm norm = testing::NormOf(optimizer, *stream_);
    EXPECT_FALSE(std::isfinite(norm.squares.Value()));
    EXPECT_EQ(norm.culprit, "gain");
    Gradient(matrix())[0] = bad;
    EXPECT_EQ(testing::NormOf(optimizer, *stream_).culprit, "matrix");
  }
  EXPECT_EQ(optimizer.updates(), 0);
}

// Neighbours are updated together, but each as it decays and no rank more than
// its own, padding aside, which stays zero.
TEST(OptimizerRunsTest, ALayerOfOddTensorsFollowsFloat64) {
  CpuDevice device;
  const auto stream = device.CreateStream();
  for (int replica = 0; replica < 3; ++replica) {
    ParamStore params;
    for (const char* unit : {"first.", "second."}) {
      const auto id = params.AddUnit(unit);
      for (const auto& [name, shape] :
           std::vector<std::pair<std::string, Shape>>{{"norm", {67}},
                                                      {"qkv", {67, 91}},
                                                      {"o", {91, 67}},
                                                      {"gain", {67}},
                                                      {"bias", {91}},
                                                      {"up", {33, 67}}}) {
        params.Add(
            id, {.tensors = {{absl::StrCat(unit, name), shape}}, .init = {}});
      }
    }
    COG_CHECK_OK(params.Allocate({.device = device,
                                  .stream = *stream,
                                  .zero_stage = 1,
                                  .replicas = 3,
                                  .replica = replica}));
    auto optimizer = Optimizer::Create(
        {.config = Config(), .params = params, .device = device});
    ASSERT_TRUE(optimizer.ok());
    std::vector<Reference> references;
    for (const ParamStore::Tensor& tensor : params.tensors()) {
      const ParamStore::Range owned = params.owned(tensor);
      const Rng rng(7, tensor.named.name);
      float* const values = params.master(owned).Data<float>();
      float* const gradients = params.gradients(owned).Data<float>();
      for (int64_t i = 0; i < owned.count; ++i) {
        values[i] = rng.Normal(i);
        gradients[i] = 0.01f * rng.Normal(i + owned.count);
      }
      references.emplace_back(values, owned.count, tensor.decays() ? 0.1 : 0);
    }
    for (int step = 0; step < 3; ++step) {
      optimizer->Update(*stream, {.lr = 0.1, .grad_norm = 0.5});
    }
    for (size_t i = 0; i < references.size(); ++i) {
      const ParamStore::Tensor& tensor = params.tensors()[i];
      SCOPED_TRACE(absl::StrCat("replica ", replica, ", ", tensor.named.name));
      const ParamStore::Range owned = params.owned(tensor);
      for (int step = 0; step < 3; ++step) {
        references[i].Step(params.gradients(owned).Data<float>(), 1, 0.1);
      }
      for (int64_t j = 0; j < owned.count; ++j) {
        ASSERT_NEAR(params.master(owned).Data<float>()[j],
                    references[i].param()[j], 5e-6)
            << j;
      }
    }
    // At stage 1 all ranks have whole weights: every gap can be looked at.
    int64_t last = 0;
    for (const ParamStore::Tensor& tensor : params.tensors()) {
      for (int64_t j = last; j < tensor.range.begin; ++j) {
        ASSERT_EQ(params.unit_weights(tensor.unit, {j, 1}).Data<float>()[0], 0);
      }
      last = tensor.range.end();
    }
  }
}

// Only the first copy counts, but a NaN in any of them is seen.
TEST(OptimizerCopiesTest, NoCopyHidesWhatIsNotFinite) {
  testing::RunRanks(2, [](testing::TestRank& self) {
    ParamStore params;
    params.Add(params.AddUnit("block"),
               {.tensors = {{.name = "gain",
                             .shape = {3},
                             .copies = {self.world.get(), false}}}});
    ASSERT_TRUE(
        params.Allocate({.device = self.device, .stream = *self.compute}).ok());
    auto optimizer = Optimizer::Create(
        {.config = OptimizerConfig(), .params = params, .device = self.device});
    ASSERT_TRUE(optimizer.ok());
    float* const gradient =
        params.gradients(params.tensors()[0].range).Data<float>();
    gradient[1] = 2;
    EXPECT_EQ(testing::NormOf(*optimizer, *self.compute).squares.Value(),
              self.rank == 0 ? 4 : 0);
    gradient[1] = static_cast<float>(kNan);
    const Optimizer::Norm norm = testing::NormOf(*optimizer, *self.compute);
    EXPECT_FALSE(std::isfinite(norm.squares.Value()));
    EXPECT_EQ(norm.culprit, "gain");
  });
}

}  // namespace
}  // namespace cogdist
