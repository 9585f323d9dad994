// Collectives between GPUs, ranks being threads: every operation of a
// communicator, on numbers whose sums are exact in any order.

#include <algorithm>
#include <vector>

#include "tests/parallel/gpu/gpu_device.h"
#include "tests/testing/gpu.h"
#include "tests/testing/gpu_rank_threads.h"

namespace cogdist {
namespace {

using testing::GpuRank;
using testing::GpuTensor;
using testing::RunGpuRanks;

constexpr int64_t kCount = 1000;

float NumberOf(int rank, int64_t i) {
  return static_cast<float>((i * 7 + rank * 3) % 11 - 5);
}

std::vector<float> NumbersOf(int rank) {
  std::vector<float> values(kCount);
  for (int64_t i = 0; i < kCount; ++i) values[i] = NumberOf(rank, i);
  return values;
}

void CheckCollectives(GpuRank& self) {
  Communicator& world = self.world;
  Stream& stream = self.stream;
  const int rank = world.rank(), size = world.size();
  GpuTensor x(self.device, DType::kFloat32, kCount);
  GpuTensor y(self.device, DType::kFloat32, kCount);
  const auto sum = [&](int64_t i) {
    float total = 0;
    for (int r = 0; r < size; ++r) total += NumberOf(r, i);
    return total;
  };
  x.Set(stream, NumbersOf(rank));
  world.AllReduceSum(stream, x.view());
  std::vector<float> result = x.Get(stream);
  for (int64_t i = 0; i < kCount; ++i) ASSERT_EQ(result[i], sum(i));

  x.Set(stream, NumbersOf(rank));
  world.ReduceScatterSum(stream, x.view());
  world.AllGather(stream, x.view());
  result = x.Get(stream);
  for (int64_t i = 0; i < kCount; ++i) ASSERT_EQ(result[i], sum(i));

  x.Set(stream, NumbersOf(rank));
  world.AllReduceMax(stream, x.view());
  result = x.Get(stream);
  for (int64_t i = 0; i < kCount; ++i) {
    float most = NumberOf(0, i);
    for (int r = 1; r < size; ++r) most = std::max(most, NumberOf(r, i));
    ASSERT_EQ(result[i], most);
  }

  x.Set(stream, NumbersOf(rank));
  world.Broadcast(stream, x.view(), size - 1);
  result = x.Get(stream);
  for (int64_t i = 0; i < kCount; ++i)
    ASSERT_EQ(result[i], NumberOf(size - 1, i));

  x.Set(stream, NumbersOf(rank));
  const int next = (rank + 1) % size, before = (rank + size - 1) % size;
  world.SendRecv(stream, x.view(), next, y.view(), before);
  result = y.Get(stream);
  for (int64_t i = 0; i < kCount; ++i)
    ASSERT_EQ(result[i], NumberOf(before, i));
}

TEST(GpuCollectivesTest, EveryOperationOverAllGpus) {
  COGDIST_NEEDS_GPUS(2);
  RunGpuRanks(*AllGpus().backend, AllGpus().count, CheckCollectives);
}

}  // namespace
}  // namespace cogdist
