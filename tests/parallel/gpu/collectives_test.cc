// Collectives between GPUs, ranks being threads: every operation of a
// communicator, on numbers whose sums are exact in any order.

#include <thread>
#include <vector>

#include "parallel/host_communicator.h"
#include "parallel/thread_transport.h"
#include "runtime/buffer.h"
#include "runtime/cpu/cpu_device.h"
#include "tests/parallel/gpu/gpu_device.h"

namespace cogdist {
namespace {

constexpr int64_t kCount = 1000;

float NumberOf(int rank, int64_t i) {
  return static_cast<float>((i * 7 + rank * 3) % 11 - 5);
}

// A rank's float32 tensor of kCount numbers.
class Numbers {
 public:
  Numbers(Device& device, Stream& stream) : stream_(stream) {
    auto buffer = Buffer::Allocate(device, kCount * sizeof(float));
    COG_CHECK_OK(buffer.status());
    buffer_ = *std::move(buffer);
  }
  TensorView view() const {
    return TensorView(buffer_.data(), DType::kFloat32, {kCount});
  }
  void Set(int rank) {
    std::vector<float> values(kCount);
    for (int64_t i = 0; i < kCount; ++i) values[i] = NumberOf(rank, i);
    stream_.Copy(buffer_.data(), values.data(), buffer_.bytes());
    stream_.Synchronize();
  }
  std::vector<float> Get() const {
    std::vector<float> values(kCount);
    stream_.Copy(values.data(), buffer_.data(), buffer_.bytes());
    stream_.Synchronize();
    return values;
  }

 private:
  Stream& stream_;
  Buffer buffer_;
};

void CheckCollectives(Communicator& world, Device& device, Stream& stream) {
  const int rank = world.rank(), size = world.size();
  Numbers x(device, stream), y(device, stream);
  const auto sum = [&](int64_t i) {
    float total = 0;
    for (int r = 0; r < size; ++r) total += NumberOf(r, i);
    return total;
  };
  x.Set(rank);
  world.AllReduceSum(stream, x.view());
  std::vector<float> result = x.Get();
  for (int64_t i = 0; i < kCount; ++i) ASSERT_EQ(result[i], sum(i));

  x.Set(rank);
  world.ReduceScatterSum(stream, x.view());
  world.AllGather(stream, x.view());
  result = x.Get();
  for (int64_t i = 0; i < kCount; ++i) ASSERT_EQ(result[i], sum(i));

  x.Set(rank);
  world.AllReduceMax(stream, x.view());
  result = x.Get();
  for (int64_t i = 0; i < kCount; ++i) {
    float most = NumberOf(0, i);
    for (int r = 1; r < size; ++r) most = std::max(most, NumberOf(r, i));
    ASSERT_EQ(result[i], most);
  }

  x.Set(rank);
  world.Broadcast(stream, x.view(), size - 1);
  result = x.Get();
  for (int64_t i = 0; i < kCount; ++i)
    ASSERT_EQ(result[i], NumberOf(size - 1, i));

  x.Set(rank);
  const int next = (rank + 1) % size, before = (rank + size - 1) % size;
  world.SendRecv(stream, x.view(), next, y.view(), before);
  result = y.Get();
  for (int64_t i = 0; i < kCount; ++i)
    ASSERT_EQ(result[i], NumberOf(before, i));
}

TEST(GpuCollectivesTest, EveryOperationOverAllGpus) {
  COGDIST_NEEDS_GPUS(2);
  const int size = AllGpus().count;
  ThreadHub hub(size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      CurrentRankTag().rank = rank;
      CpuDevice host;
      const std::unique_ptr<Device> device = OpenGpu(rank);
      const auto world = AllGpus().backend->create_communicator(
          std::make_unique<HostCommunicator>(hub.Connect(rank), host), *device);
      COG_CHECK_OK(world.status());
      const std::unique_ptr<Stream> stream = device->CreateStream();
      CheckCollectives(**world, *device, *stream);
      (*world)->Barrier();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace cogdist
