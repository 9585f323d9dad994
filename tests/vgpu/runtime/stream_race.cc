// Work on two streams that share memory, rightly ordered or not: for
// ThreadSanitizer, which this program is built with.
//
//   stream_race CASE ordered|unordered SEED

#include <chrono>
#include <cstdlib>
#include <thread>

#include "absl/strings/string_view.h"
#include "cuda_runtime_api.h"
#include "nccl.h"
#include "runtime/check.h"
#include "tests/vgpu/runtime/machine.h"

namespace cogdist::vgpu {
namespace {

struct TwoStreams {
  explicit TwoStreams(bool ordered) : ordered(ordered) {
    for (cudaStream_t* stream : {&compute, &side}) {
      COG_CHECK_EQ(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), 0);
    }
    void* memory = nullptr;
    COG_CHECK_EQ(cudaMalloc(&memory, kBytes), 0);
    x = static_cast<float*>(memory);
    // Copies to other memory would make the host wait.
    COG_CHECK_EQ(cudaHostAlloc(&pinned, kBytes, cudaHostAllocDefault), 0);
  }
  // `to` goes on after what `from` has now; unless this is the case to find.
  void Order(cudaStream_t from, cudaStream_t to, bool needed = true) {
    if (needed && !ordered) return;
    cudaEvent_t event = nullptr;
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    cudaEventRecord(event, from);
    cudaStreamWaitEvent(to, event, 0);
    cudaEventDestroy(event);
  }
  void Finish() {
    cudaStreamSynchronize(compute);
    cudaStreamSynchronize(side);
  }

  static constexpr int kBytes = 256;
  const bool ordered;
  cudaStream_t compute = nullptr, side = nullptr;
  float* x = nullptr;
  void* pinned = nullptr;  // likewise of kBytes
};

// Written on one stream, read on the other, with and without time in between.
void ReadAfterWrite(bool ordered, int pause_us) {
  TwoStreams two(ordered);
  cudaMemsetAsync(two.x, 0, two.kBytes, two.compute);
  std::this_thread::sleep_for(std::chrono::microseconds(pause_us));
  two.Order(two.compute, two.side);
  cudaMemcpyAsync(two.pinned, two.x, two.kBytes, cudaMemcpyDefault, two.side);
  two.Finish();
}

// The second stream waits for the first, but the first does not wait before it
// overwrites what the second still reads.
void WriteAfterRead(bool ordered) {
  TwoStreams two(ordered);
  cudaMemsetAsync(two.x, 0, two.kBytes, two.compute);
  two.Order(two.compute, two.side, /*needed=*/false);
  cudaMemcpyAsync(two.pinned, two.x, two.kBytes, cudaMemcpyDefault, two.side);
  two.Order(two.side, two.compute);
  cudaMemsetAsync(two.x, 1, two.kBytes, two.compute);
  two.Finish();
}

// The host looks at a copy's result.
void HostRead(bool ordered) {
  TwoStreams two(ordered);
  cudaMemcpyAsync(two.pinned, two.x, two.kBytes, cudaMemcpyDefault,
                  two.compute);
  if (ordered) cudaStreamSynchronize(two.compute);
  volatile float seen = *static_cast<float*>(two.pinned);
  (void)seen;
  two.Finish();
}

// Gradients are summed over ranks on a stream beside that which computes them.
void SumOverRanks(bool ordered) {
  ncclUniqueId id;
  COG_CHECK_EQ(ncclGetUniqueId(&id), 0);
  const auto rank = [&](int rank) {
    cudaSetDevice(rank);
    ncclComm_t comm = nullptr;
    COG_CHECK_EQ(ncclCommInitRank(&comm, 2, id, rank), 0);
    TwoStreams two(ordered);
    cudaMemsetAsync(two.x, 0, two.kBytes, two.compute);
    two.Order(two.compute, two.side);
    ncclAllReduce(two.x, two.x, two.kBytes / 4, ncclFloat32, ncclSum, comm,
                  two.side);
    two.Order(two.side, two.compute, /*needed=*/false);
    two.Finish();
    ncclCommDestroy(comm);
  };
  std::thread other(rank, 1);
  rank(0);
  other.join();
}

// The same as ReadAfterWrite() out of a graph.
void InAGraph(bool ordered) {
  TwoStreams two(ordered);
  cudaStreamBeginCapture(two.compute, cudaStreamCaptureModeThreadLocal);
  two.Order(two.compute, two.side, /*needed=*/false);
  cudaMemsetAsync(two.x, 0, two.kBytes, two.compute);
  two.Order(two.compute, two.side);
  cudaMemcpyAsync(two.pinned, two.x, two.kBytes, cudaMemcpyDefault, two.side);
  two.Order(two.side, two.compute, /*needed=*/false);
  cudaGraph_t graph = nullptr;
  COG_CHECK_EQ(cudaStreamEndCapture(two.compute, &graph), 0);
  cudaGraphExec_t exec = nullptr;
  cudaGraphInstantiate(&exec, graph, 0);
  cudaGraphDestroy(graph);
  cudaGraphLaunch(exec, two.compute);
  two.Finish();
  cudaGraphExecDestroy(exec);
}

struct Case {
  absl::string_view name;
  void (*run)(bool ordered);
};
constexpr Case kCases[] = {
    {"read_after_write", [](bool ordered) { ReadAfterWrite(ordered, 0); }},
    {"long_after_write", [](bool ordered) { ReadAfterWrite(ordered, 20000); }},
    {"write_after_read", WriteAfterRead},
    {"host_read", HostRead},
    {"sum_over_ranks", SumOverRanks},
    {"graph", InAGraph},
};

int Main(absl::string_view name, absl::string_view order, uint64_t seed) {
  Machine machine({.devices = 2, .seed = seed});
  for (const Case& each : kCases) {
    if (each.name == name) each.run(order == "ordered");
  }
  return machine.reports().empty() ? 0 : 1;
}

}  // namespace
}  // namespace cogdist::vgpu

int main(int argc, char** argv) {
  COG_CHECK_EQ(argc, 4);
  return cogdist::vgpu::Main(argv[1], argv[2],
                             std::strtoull(argv[3], nullptr, 10));
}
