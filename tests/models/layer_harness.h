// What the layers' tests share: a CPU device with an arena and a parameter
// store, conversions to the float64 reference, and the gradient check.

#ifndef COGDIST_TESTS_MODELS_LAYER_HARNESS_H_
#define COGDIST_TESTS_MODELS_LAYER_HARNESS_H_

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "models/init.h"
#include "models/layer.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/cpu/cpu_stream.h"
#include "runtime/rng.h"
#include "tests/models/reference.h"

namespace cogdist {

class LayerHarness {
 public:
  LayerHarness() : stream_(device_), arena_(MakeArena(device_)) {}

  ParamStore& params() { return params_; }
  Stream& stream() { return stream_; }
  CpuDevice& device() { return device_; }
  Arena& arena() { return arena_; }
  LayerContext Context() {
    return {.stream = stream_,
            .arena = arena_,
            .params = params_,
            .dtype = DType::kFloat32};
  }

  // Ends the registration: seeded weights, gains included away from 1.
  void AllocateParams() {
    ASSERT_TRUE(params_.Allocate({.device = device_, .stream = stream_}).ok());
    InitializeParameters(params_, stream_, 7);
    for (const ParamStore::Tensor& tensor : params_.tensors()) {
      if (tensor.decays()) continue;
      float* const gain = params_.master(tensor.range).Data<float>();
      const Rng rng(9, tensor.named.name);
      for (int64_t i = 0; i < tensor.range.count; ++i) {
        gain[i] += 0.3f * static_cast<float>(rng.Normal(i));
      }
    }
  }

  // A [rows, cols] tensor of normal numbers, in the arena.
  TensorView Random(int64_t rows, int64_t cols, uint64_t seed) {
    const TensorView x = arena_.Allocate(DType::kFloat32, {rows, cols});
    Rng(seed, "test")
        .FillNormal(absl::MakeSpan(x.Data<float>(), x.num_elements()), 0, 1);
    return x;
  }

  static reference::Matrix ToReference(TensorView x) {
    reference::Matrix m(x.dim(0), x.shape.rank() == 1 ? 1 : x.dim(1));
    for (int64_t i = 0; i < x.num_elements(); ++i) {
      m.values[i] = x.Data<float>()[i];
    }
    return m;
  }

  reference::Weights ReferenceWeights() const {
    return Collect([&](const ParamStore::Tensor& t) {
      return params_.master(t.range).Reshape(t.named.shape);
    });
  }
  reference::Weights Gradients() const {
    return Collect([&](const ParamStore::Tensor& t) {
      return params_.gradients(t.range).Reshape(t.named.shape);
    });
  }

 private:
  static Arena MakeArena(CpuDevice& device) {
    auto arena = Arena::Create(device, 64 << 20);
    COG_CHECK_OK(arena.status());
    return *std::move(arena);
  }

  template <typename F>
  reference::Weights Collect(F view) const {
    reference::Weights weights;
    for (const ParamStore::Tensor& tensor : params_.tensors()) {
      weights[tensor.named.name] = ToReference(view(tensor));
    }
    return weights;
  }

  CpuDevice device_;
  CpuStream stream_;
  Arena arena_;
  ParamStore params_;
};

// Expects `gradient` to be the derivative of `loss` with respect to `x`, which
// `loss` reads: central differences in float64 at up to `samples` places.
inline void ExpectGradient(reference::Matrix& x,
                           const reference::Matrix& gradient,
                           const std::function<double()>& loss,
                           const std::string& what, int samples = 24) {
  ASSERT_EQ(x.values.size(), gradient.values.size()) << what;
  const int64_t n = x.values.size();
  const int64_t stride = std::max<int64_t>(1, n / samples);
  double error = 0, norm = 0;
  for (int64_t i = 0; i < n; i += stride) {
    const double saved = x.values[i], h = 1e-5;
    x.values[i] = saved + h;
    const double above = loss();
    x.values[i] = saved - h;
    const double below = loss();
    x.values[i] = saved;
    const double expected = (above - below) / (2 * h);
    error += std::pow(gradient.values[i] - expected, 2);
    norm += std::pow(expected, 2);
  }
  EXPECT_GT(norm, 0) << what;
  EXPECT_LE(std::sqrt(error / norm), 1e-4) << what;
}

// The same for every parameter.
inline void ExpectParamGradients(reference::Weights& weights,
                                 const reference::Weights& gradients,
                                 const std::function<double()>& loss) {
  for (auto& [name, matrix] : weights) {
    ExpectGradient(matrix, gradients.at(name), loss, name);
  }
}

// Relative Frobenius distance.
inline double Distance(const reference::Matrix& a, const reference::Matrix& b) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < a.values.size(); ++i) {
    error += std::pow(a.values[i] - b.values[i], 2);
    norm += std::pow(b.values[i], 2);
  }
  return std::sqrt(error / norm);
}

inline double Dot(const reference::Matrix& a, const reference::Matrix& b) {
  double dot = 0;
  for (size_t i = 0; i < a.values.size(); ++i) dot += a.values[i] * b.values[i];
  return dot;
}

}  // namespace cogdist

#endif  // COGDIST_TESTS_MODELS_LAYER_HARNESS_H_
