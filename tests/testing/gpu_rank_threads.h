// Ranks as threads of the test's process, each with a GPU of its own, real or
// virtual: those of a backend, which may be part of the test or a module that
// it has opened.

#ifndef COGDIST_TESTS_TESTING_GPU_RANK_THREADS_H_
#define COGDIST_TESTS_TESTING_GPU_RANK_THREADS_H_

#include <functional>
#include <memory>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "parallel/gpu_backend.h"
#include "parallel/host_communicator.h"
#include "parallel/mesh.h"
#include "parallel/rank_context.h"
#include "parallel/thread_transport.h"
#include "proto/run_config.pb.h"
#include "runtime/check.h"
#include "runtime/cpu/cpu_device.h"
#include "tests/testing/gpu.h"

namespace cogdist::testing {

// What a rank starts from.
struct GpuRankParts {
  int rank = 0;
  std::unique_ptr<Device> device;
  std::unique_ptr<Communicator> world;  // goes before its device
};

// Runs `start` on `size` threads and waits for all of them. Where there are
// `ledgers`, one for each rank, their operations are noted there. REQUIRES: as
// many GPUs.
inline void StartGpuRanks(const GpuBackend& gpus, int size,
                          Communicator::Carries carries,
                          const std::function<void(GpuRankParts&)>& start,
                          absl::Span<Ledger* const> ledgers = {}) {
  ThreadHub hub(size);
  std::vector<int> all(size);
  std::iota(all.begin(), all.end(), 0);
  const auto run = [&](int rank) {
    CurrentRankTag().rank = rank;
    CpuDevice host;
    GpuRankParts parts = {.rank = rank, .device = CreateGpu(gpus, rank)};
    LedgerGroup group;
    if (!ledgers.empty()) group = {ledgers[rank], "world", all};
    auto world = gpus.create_communicator(
        std::make_unique<HostCommunicator>(hub.Connect(rank), host,
                                           MessageOptions(), group, carries),
        *parts.device);
    COG_CHECK_OK(world.status());
    parts.world = *std::move(world);
    start(parts);
  };
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) threads.emplace_back(run, rank);
  for (std::thread& thread : threads) thread.join();
}

// How many NCCL operations at a time are enough for all to end, where each GPU
// begins them in the order of the calls: two where stages of a pipeline wait
// for what they are about to receive.
inline int RoomFor(const ParallelConfig& parallel) {
  return parallel.pipeline() > 1 ? 2 : 1;
}

struct GpuRank {
  int rank = 0;
  Device& device;
  Communicator& world;
  Stream& stream;
};

// `body` as every rank. None leaves before all are done.
inline void RunGpuRanks(const GpuBackend& gpus, int size,
                        const std::function<void(GpuRank&)>& body,
                        absl::Span<Ledger* const> ledgers = {}) {
  const auto start = [&body](GpuRankParts& parts) {
    const std::unique_ptr<Stream> stream = parts.device->CreateStream();
    GpuRank self = {parts.rank, *parts.device, *parts.world, *stream};
    body(self);
    stream->Synchronize();
    parts.world->Barrier();
  };
  StartGpuRanks(gpus, size, Communicator::Carries::kTensorsAndControl, start,
                ledgers);
}

// Likewise with all that a rank of a job is handed. Whoever is done leaves.
inline void RunGpuRankContexts(const GpuBackend& gpus, int size,
                               const ParallelConfig& parallel,
                               const std::function<void(RankContext&)>& body,
                               absl::Span<Ledger* const> ledgers = {}) {
  const auto start = [&](GpuRankParts& parts) {
    const auto mesh = Mesh::Create(size, parallel);
    COG_CHECK_OK(mesh.status());
    auto context =
        MakeRankContext({.rank = parts.rank,
                         .world_size = size,
                         .local_rank = parts.rank,
                         .local_size = size},
                        *mesh, std::move(parts.device), std::move(parts.world));
    COG_CHECK_OK(context.status());
    if (!ledgers.empty()) context->ledger = ledgers[parts.rank];
    body(*context);
  };
  StartGpuRanks(gpus, size, Communicator::Carries::kControl, start, ledgers);
}

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_TESTING_GPU_RANK_THREADS_H_
