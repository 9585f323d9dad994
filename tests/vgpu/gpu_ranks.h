// Ranks as threads of the test's process, each with a virtual GPU of its own.

#ifndef COGDIST_TESTS_VGPU_GPU_RANKS_H_
#define COGDIST_TESTS_VGPU_GPU_RANKS_H_

#include <functional>
#include <memory>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "parallel/gpu_backend.h"
#include "parallel/host_communicator.h"
#include "parallel/ledger.h"
#include "parallel/mesh.h"
#include "parallel/rank_context.h"
#include "parallel/thread_transport.h"
#include "proto/run_config.pb.h"
#include "runtime/check.h"
#include "runtime/cpu/cpu_device.h"

namespace cogdist::vgpu {

// Runs `body` on `size` threads and waits for all of them. Where there are
// `ledgers`, one for each rank, operations are noted there. REQUIRES: a Machine
// with as many devices.
inline void RunGpuRanks(int size, const ParallelConfig& parallel,
                        const std::function<void(RankContext&)>& body,
                        absl::Span<Ledger* const> ledgers = {}) {
  ThreadHub hub(size);
  std::vector<int> all(size);
  std::iota(all.begin(), all.end(), 0);
  const GpuBackend& gpus = *CogdistGpuBackend();
  const auto run = [&](int rank) {
    CurrentRankTag().rank = rank;
    CpuDevice host;
    auto device = gpus.create_device(rank);
    COG_CHECK_OK(device.status());
    LedgerGroup group;
    if (!ledgers.empty()) group = {ledgers[rank], "world", all};
    auto world = gpus.create_communicator(
        std::make_unique<HostCommunicator>(hub.Connect(rank), host,
                                           MessageOptions(), group),
        **device);
    COG_CHECK_OK(world.status());
    const auto mesh = Mesh::Create(size, parallel);
    COG_CHECK_OK(mesh.status());
    auto context =
        MakeRankContext({.rank = rank,
                         .world_size = size,
                         .local_rank = rank,
                         .local_size = size},
                        *mesh, *std::move(device), *std::move(world));
    COG_CHECK_OK(context.status());
    context->ledger = group.ledger;
    body(*context);
  };
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) threads.emplace_back(run, rank);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_GPU_RANKS_H_
