// What the tests of GPU kernels share: memory of a virtual device, which is
// checked, and random shapes.

#ifndef COGDIST_TESTS_KERNELS_CUDA_GPU_TEST_H_
#define COGDIST_TESTS_KERNELS_CUDA_GPU_TEST_H_

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cuda/element_type.h"
#include "runtime/rng.h"
#include "tests/kernels/kernel_test.h"
#include "tests/vgpu/ptx/ptx_stream.h"
#include "tests/vgpu/simt/emulator.h"

namespace cogdist {

// Cases of a test, each with a schedule of its own. COGDIST_SEEDS sets another
// number.
inline const int kGpuSeeds = [] {
  const char* const seeds = std::getenv("COGDIST_SEEDS");
  return seeds == nullptr ? 200 : std::atoi(seeds);
}();

// For expensive cases: `usual` many, or all where the environment asks for
// them, as the tests with the label `slow` do.
inline int SomeSeeds(int usual) {
  const bool all = std::getenv("COGDIST_ALL_SEEDS") != nullptr;
  return all ? kGpuSeeds : std::min(usual, kGpuSeeds);
}

// Numbers of one case, the same in every run.
class CaseDice {
 public:
  explicit CaseDice(uint64_t seed) : rng_(seed, /*stream=*/99) {}

  int64_t Between(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(rng_.Below(most - least + 1, next_++));
  }
  bool Flip() { return Between(0, 1) == 1; }
  template <typename T>
  T OneOf(std::initializer_list<T> values) {
    return values.begin()[Between(0, values.size() - 1)];
  }
  DType FloatType() { return OneOf({DType::kFloat32, DType::kBFloat16}); }

 private:
  Rng rng_;
  uint64_t next_ = 0;
};

inline cuda::ElementType ElementTypeOf(DType dtype) {
  return dtype == DType::kFloat32 ? cuda::ElementType::kFloat32
                                  : cuda::ElementType::kBFloat16;
}

// ||x - reference|| / ||magnitude||: where terms cancel, the magnitude is that
// of the terms.
inline double ErrorOf(const Doubles& x, const Doubles& reference,
                      const Doubles& magnitude) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    difference += (x[i] - reference[i]) * (x[i] - reference[i]);
    norm += magnitude[i] * magnitude[i];
  }
  return std::sqrt(difference / norm);
}

class GpuTest : public testing::Test {
 protected:
  // Begins a case: a schedule of its own, empty memory.
  void Begin(uint64_t seed) {
    emulator_.Reset({.seed = seed, .truncate_mma = seed % 4 == 3});
  }
  // Ends it: nothing went wrong.
  void ExpectClean() {
    for (const simt::Report& report : emulator_.reports()) {
      ADD_FAILURE() << report;
    }
  }

  // Runs the source or, where the environment asks for it, PTX of kernels.
  cuda::GpuStream stream() {
    if (ptx_ != nullptr) return ptx_.get();
    return &emulator_;
  }

  // Device memory with a copy of the values; without values, uninitialised.
  void* Upload(const HostTensor& tensor, const char* name) {
    const size_t bytes = tensor.bytes().size();
    void* const to = emulator_.memory().Allocate(bytes, name);
    emulator_.memory().Write(to, tensor.bytes().data(), bytes);
    return to;
  }
  template <typename T>
  T* Upload(const std::vector<T>& values, const char* name) {
    T* const to = Allocate<T>(values.size(), name);
    emulator_.memory().Write(to, values.data(), values.size() * sizeof(T));
    return to;
  }
  float* UploadFloats(const HostTensor& tensor, const char* name) {
    return static_cast<float*>(Upload(tensor, name));
  }
  template <typename T>
  T* Allocate(int64_t count, const char* name) {
    return static_cast<T*>(
        emulator_.memory().Allocate(count * sizeof(T), name));
  }
  void* Allocate(DType dtype, int64_t count, const char* name) {
    return emulator_.memory().Allocate(count * SizeOf(dtype), name);
  }

  // Every byte must have been written.
  HostTensor Download(DType dtype, const Shape& shape, const void* from) {
    HostTensor result(dtype, shape);
    auto report = emulator_.memory().Read(result.view().data, from,
                                          result.bytes().size());
    if (report) emulator_.AddReport(*report);
    return result;
  }
  Doubles DownloadFloats(const float* from, int64_t count) {
    return Download(DType::kFloat32, {count}, from).values();
  }

  simt::Emulator emulator_;
  std::unique_ptr<ptx::PtxStream> ptx_ = ptx::StreamFromEnvironment(emulator_);
};

}  // namespace cogdist

#endif  // COGDIST_TESTS_KERNELS_CUDA_GPU_TEST_H_
