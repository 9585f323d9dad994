// Initial weights: any part of a tensor starts as the same part of the whole.

#include "models/init.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "parallel/param_store.h"
#include "runtime/cpu/cpu_device.h"

namespace cogdist {
namespace {

constexpr ParamInit kNormal = {ParamInit::Kind::kNormal, 0.02};

// What a rank that registers `tensor` starts with.
std::vector<float> Initial(CpuDevice& device, const NamedTensor& tensor,
                           const ParamInit& init) {
  const auto stream = device.CreateStream();
  ParamStore params;
  params.Add(params.AddUnit("unit"), {.tensors = {tensor}, .init = init});
  COG_CHECK_OK(params.Allocate({.device = device, .stream = *stream}));
  InitializeParameters(params, *stream, 17);
  const ParamStore::Range range = params.tensors()[0].range;
  const float* const x = params.master(range).Data<float>();
  return std::vector<float>(x, x + range.count);
}

TEST(InitTest, PartsAreThoseOfTheWholeTensor) {
  CpuDevice device;
  const NamedTensor whole = {"matrix", {37, 1003}};
  const std::vector<float> values = Initial(device, whole, kNormal);
  for (const int dim : {0, 1}) {
    for (const int size : {2, 3, 5}) {
      for (int rank = 0; rank < size; ++rank) {
        const NamedTensor shard = ShardOf(whole, dim, size, rank);
        const std::vector<float> part = Initial(device, shard, kNormal);
        const Shape held = shard.held_shape();
        const int64_t row = dim == 0 ? shard.held->begin : 0;
        const int64_t col = dim == 1 ? shard.held->begin : 0;
        for (int64_t i = 0; i < held.num_elements(); ++i) {
          ASSERT_EQ(
              part[i],
              values[(row + i / held.dim(1)) * 1003 + col + i % held.dim(1)]);
        }
      }
    }
  }
}

TEST(InitTest, HasTheDeviationAskedFor) {
  CpuDevice device;
  double squares = 0;
  const std::vector<float> x =
      Initial(device, {"x", {1200, 1000}}, kNormal);  // more than one piece
  for (const float value : x) squares += value * value;
  EXPECT_NEAR(std::sqrt(squares / x.size()), 0.02, 1e-4);
  for (const float gain :
       Initial(device, {"gain", {99}}, {ParamInit::Kind::kOnes})) {
    ASSERT_EQ(gain, 1);
  }
}

}  // namespace
}  // namespace cogdist
