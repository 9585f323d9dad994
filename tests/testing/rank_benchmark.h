// The frame of a benchmark program that runs as several processes:
//
//   mpirun -np 2 build/NAME_benchmark
//
// Rank 0 reports. Every rank has to run the same, fixed number of iterations.

#ifndef COGDIST_TESTS_TESTING_RANK_BENCHMARK_H_
#define COGDIST_TESTS_TESTING_RANK_BENCHMARK_H_

#include <benchmark/benchmark.h>

#include <memory>
#include <utility>
#include <vector>

#include "parallel/bootstrap.h"
#include "parallel/mesh.h"
#include "parallel/rank_context.h"
#include "runtime/check.h"
#include "runtime/cpu/cpu_device.h"

namespace cogdist::testing {

class SilentReporter : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>&) override {}
};

// What main() does: joins the job, whose ranks are all on `axis` of the mesh,
// and runs the registered benchmarks, while `context` points to this rank's.
inline int RunRankBenchmarks(int argc, char** argv, MeshAxis axis,
                             RankContext*& context) {
  benchmark::Initialize(&argc, argv);
  absl::StatusOr<Bootstrap> bootstrap = Bootstrap::Start();
  COG_CHECK_OK(bootstrap.status());
  auto device = std::make_unique<CpuDevice>();
  auto world = bootstrap->CreateWorld(*device);
  COG_CHECK_OK(world.status());
  Mesh::Coordinates sizes = {1, 1, 1, 1};
  sizes[static_cast<int>(axis)] = bootstrap->placement().world_size;
  {
    auto made = MakeRankContext(bootstrap->placement(), Mesh(sizes),
                                std::move(device), *std::move(world));
    COG_CHECK_OK(made.status());
    context = &*made;
    SilentReporter silent;
    if (context->rank() == 0) {
      benchmark::RunSpecifiedBenchmarks();
    } else {
      benchmark::RunSpecifiedBenchmarks(&silent);
    }
    context = nullptr;
  }
  bootstrap->Finish();
  return 0;
}

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_TESTING_RANK_BENCHMARK_H_
