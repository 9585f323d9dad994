// Ranks on virtual GPUs, for tests of the production backend.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_GPU_RANKS_H_
#define COGDIST_TESTS_VGPU_RUNTIME_GPU_RANKS_H_

#include <functional>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "absl/types/span.h"
#include "parallel/gpu_backend.h"
#include "parallel/host_communicator.h"
#include "parallel/thread_transport.h"
#include "runtime/buffer.h"
#include "runtime/check.h"
#include "runtime/cpu/cpu_device.h"

namespace cogdist {

inline std::unique_ptr<Device> MakeDevice(int index = 0) {
  auto device = CogdistGpuBackend()->create_device(index);
  COG_CHECK_OK(device.status());
  return *std::move(device);
}

// A tensor on a device, from and to floats on the host.
class GpuTensor {
 public:
  GpuTensor(Device& device, DType dtype, int64_t count) {
    auto buffer = Buffer::Allocate(device, count * SizeOf(dtype));
    COG_CHECK_OK(buffer.status());
    buffer_ = *std::move(buffer);
    view_ = TensorView(buffer_.data(), dtype, {count});
  }
  const TensorView& view() const { return view_; }

  void Set(Stream& stream, const std::vector<float>& values) {
    const std::vector<BFloat16> narrow(values.begin(), values.end());
    const void* const from = view_.dtype == DType::kFloat32
                                 ? static_cast<const void*>(values.data())
                                 : narrow.data();
    stream.Copy(view_.data, from, view_.bytes());
    stream.Synchronize();
  }
  std::vector<float> Get(Stream& stream) const {
    std::vector<float> values(view_.num_elements());
    std::vector<BFloat16> narrow(values.size());
    void* const to = view_.dtype == DType::kFloat32
                         ? static_cast<void*>(values.data())
                         : narrow.data();
    stream.Copy(to, view_.data, view_.bytes());
    stream.Synchronize();
    if (view_.dtype == DType::kFloat32) return values;
    return std::vector<float>(narrow.begin(), narrow.end());
  }

 private:
  Buffer buffer_;
  TensorView view_;
};

struct GpuRank {
  int rank = 0;
  Device& device;
  Communicator& world;
  Stream& stream;
};

// `body` as every rank, each a thread with a GPU of its own. Where there are
// `ledgers`, one for each rank, their operations are noted there.
inline void RunGpuRanks(int size, const std::function<void(GpuRank&)>& body,
                        absl::Span<Ledger* const> ledgers = {}) {
  ThreadHub hub(size);
  std::vector<int> all(size);
  std::iota(all.begin(), all.end(), 0);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      CurrentRankTag().rank = rank;
      CpuDevice host_device;
      const std::unique_ptr<Device> device = MakeDevice(rank);
      LedgerGroup group;
      if (!ledgers.empty()) group = {ledgers[rank], "world", all};
      auto world = CogdistGpuBackend()->create_communicator(
          std::make_unique<HostCommunicator>(hub.Connect(rank), host_device,
                                             MessageOptions(), group),
          *device);
      COG_CHECK_OK(world.status());
      const auto stream = device->CreateStream();
      GpuRank self = {rank, *device, **world, *stream};
      body(self);
      stream->Synchronize();
      (*world)->Barrier();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace cogdist

#endif  // COGDIST_TESTS_VGPU_RUNTIME_GPU_RANKS_H_
