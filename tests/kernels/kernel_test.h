// What the tests of kernels share: a CPU stream, random tensors, comparison
// with float64 references, every instruction set and several thread counts.

#ifndef COGDIST_TESTS_KERNELS_KERNEL_TEST_H_
#define COGDIST_TESTS_KERNELS_KERNEL_TEST_H_

#include <omp.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <vector>

#include "gtest/gtest.h"
#include "hwy/highway.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/cpu/cpu_stream.h"
#include "runtime/rng.h"
#include "runtime/tensor.h"

namespace cogdist {

using Doubles = std::vector<double>;

// Memory of a tensor together with its view; floating-point types.
class HostTensor {
 public:
  HostTensor(DType dtype, const Shape& shape)
      : bytes_(shape.num_elements() * SizeOf(dtype)),
        view_(bytes_.data(), dtype, shape) {}
  HostTensor(DType dtype, const Shape& shape, const Doubles& values)
      : HostTensor(dtype, shape) {
    for (size_t i = 0; i < values.size(); ++i) Set(i, values[i]);
  }
  HostTensor(HostTensor&&) = default;

  const TensorView& view() const { return view_; }
  operator const TensorView&() const { return view_; }  // NOLINT

  double Get(int64_t i) const {
    return DispatchFloat(view_.dtype, [&]<typename T>(T) {
      return double{static_cast<float>(view_.Data<T>()[i])};
    });
  }
  void Set(int64_t i, double value) {
    DispatchFloat(view_.dtype, [&]<typename T>(T) {
      view_.Data<T>()[i] = T(static_cast<float>(value));
    });
  }
  Doubles values() const {
    Doubles result(view_.num_elements());
    for (size_t i = 0; i < result.size(); ++i) result[i] = Get(i);
    return result;
  }
  const std::vector<char>& bytes() const { return bytes_; }

 private:
  std::vector<char> bytes_;
  TensorView view_;
};

// Normal numbers, the same in every run, rounded to `dtype`.
inline HostTensor RandomTensor(DType dtype, const Shape& shape, uint64_t stream,
                               double scale = 1) {
  const Rng rng(1234, stream);
  HostTensor result(dtype, shape);
  for (int64_t i = 0; i < shape.num_elements(); ++i) {
    result.Set(i, scale * rng.Normal(i));
  }
  return result;
}

// The memory of several tensors, one after the other.
inline std::vector<char> BytesOf(
    std::initializer_list<const HostTensor*> tensors) {
  std::vector<char> result;
  for (const HostTensor* t : tensors) {
    result.insert(result.end(), t->bytes().begin(), t->bytes().end());
  }
  return result;
}

// ||x - reference|| / ||reference||.
inline double RelativeError(const Doubles& x, const Doubles& reference) {
  EXPECT_EQ(x.size(), reference.size());
  double difference = 0, norm = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    difference += (x[i] - reference[i]) * (x[i] - reference[i]);
    norm += reference[i] * reference[i];
  }
  return norm == 0 ? std::sqrt(difference) : std::sqrt(difference / norm);
}

inline Doubles Sum(Doubles x, const Doubles& y) {
  for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  return x;
}

// What rounding a result to `dtype` may cost in RelativeError().
inline double Tolerance(DType dtype) {
  return dtype == DType::kFloat32 ? 1e-6 : 4e-3;
}

// The gradient of f at x by central differences in float64.
inline Doubles NumericGradient(const std::function<double(const Doubles&)>& f,
                               Doubles x) {
  constexpr double kStep = 1e-5;
  Doubles gradient(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double middle = x[i];
    x[i] = middle + kStep;
    const double above = f(x);
    x[i] = middle - kStep;
    gradient[i] = (above - f(x)) / (2 * kStep);
    x[i] = middle;
  }
  return gradient;
}

// The scalar product, a loss whose gradient with respect to x is dx.
inline double Dot(const Doubles& x, const Doubles& dx) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += x[i] * dx[i];
  return sum;
}

// Runs `body` on every instruction set of this machine that was compiled in.
inline void ForEachTarget(const std::function<void()>& body) {
  const int64_t supported = hwy::SupportedTargets();
  for (const int64_t target : {HWY_SCALAR, HWY_AVX2, HWY_AVX3}) {
    if (target != HWY_SCALAR && (target & supported) == 0) continue;
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::GetChosenTarget().Update(target);
    body();
  }
  hwy::GetChosenTarget().DeInit();
}

// Expects `run` to give the same bytes with 1, 2, 3 and 7 threads.
inline void ExpectSameBitsForAnyThreadCount(
    const std::function<std::vector<char>()>& run) {
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  const std::vector<char> expected = run();
  for (const int count : {2, 3, 7}) {
    omp_set_num_threads(count);
    EXPECT_TRUE(run() == expected) << count << " threads";
  }
  omp_set_num_threads(threads);
}

// A device with one stream; base class of the kernels' test fixtures.
class KernelTest : public testing::Test {
 protected:
  CpuDevice device_;
  CpuStream stream_{device_};
};

}  // namespace cogdist

#endif  // COGDIST_TESTS_KERNELS_KERNEL_TEST_H_
