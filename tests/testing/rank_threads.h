// Ranks as threads of the test's process, each with its own device and streams.

#ifndef COGDIST_TESTS_TESTING_RANK_THREADS_H_
#define COGDIST_TESTS_TESTING_RANK_THREADS_H_

#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "parallel/host_communicator.h"
#include "parallel/mesh.h"
#include "parallel/rank_context.h"
#include "parallel/thread_transport.h"
#include "proto/run_config.pb.h"
#include "runtime/check.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/stream.h"

namespace cogdist::testing {

// What one thread gets; destroyed before the next test begins.
struct TestRank {
  int rank = 0;
  int size = 1;
  CpuDevice device;
  std::unique_ptr<Communicator> world;  // before the streams: they finish first
  std::unique_ptr<Stream> compute;
  std::unique_ptr<Stream> communication;
};

// Runs `body` on `size` threads and waits for all of them.
inline void RunRanks(int size, const MessageOptions& options,
                     const std::function<void(TestRank&)>& body) {
  ThreadHub hub(size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      CurrentRankTag().rank = rank;
      TestRank self{.rank = rank, .size = size};
      self.world = std::make_unique<HostCommunicator>(hub.Connect(rank),
                                                      self.device, options);
      self.compute = self.device.CreateStream();
      self.communication = self.device.CreateStream();
      body(self);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

inline void RunRanks(int size, const std::function<void(TestRank&)>& body) {
  RunRanks(size, {}, body);
}

// Likewise with all that a rank of a job is handed.
inline void RunRankContexts(int size, const ParallelConfig& parallel,
                            const std::function<void(RankContext&)>& body) {
  ThreadHub hub(size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      CurrentRankTag().rank = rank;
      auto device = std::make_unique<CpuDevice>();
      auto world = std::make_unique<HostCommunicator>(
          hub.Connect(rank), *device, MessageOptions(), LedgerGroup(),
          Communicator::Carries::kControl);
      const auto mesh = Mesh::Create(size, parallel);
      COG_CHECK_OK(mesh.status());
      auto context =
          MakeRankContext({.rank = rank,
                           .world_size = size,
                           .local_rank = rank,
                           .local_size = size},
                          *mesh, std::move(device), std::move(world));
      COG_CHECK_OK(context.status());
      body(*context);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Data-parallel ones.
inline void RunRankContexts(int size,
                            const std::function<void(RankContext&)>& body) {
  RunRankContexts(size, ParallelConfig(), body);
}

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_TESTING_RANK_THREADS_H_
