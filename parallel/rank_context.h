// What every object of one rank is handed: who the rank is, where it computes,
// and whom it talks to. Nothing of it is global, so that ranks can be processes
// or, in tests, threads.

#ifndef COGDIST_PARALLEL_RANK_CONTEXT_H_
#define COGDIST_PARALLEL_RANK_CONTEXT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "parallel/communicator.h"
#include "parallel/fault.h"
#include "parallel/ledger.h"
#include "parallel/mesh.h"
#include "runtime/device.h"
#include "runtime/stream.h"

namespace cogdist {

// Where a rank sits.
struct Placement {
  int rank = 0;
  int world_size = 1;
  int local_rank = 0;  // among the ranks of this machine
  int local_size = 1;
  int node = 0;         // the lowest rank of this machine
  int num_threads = 1;  // for kernels on the host
};

// The groups that this rank belongs to. A group of one costs nothing.
struct Communicators {
  std::unique_ptr<Communicator> world;    // control only
  std::unique_ptr<Communicator> tensor;   // share the matrices of every layer
  std::unique_ptr<Communicator> context;  // share every sequence
  // Share the layers, by depth; control only: neighbours have groups of their
  // own (parallel/pipeline/pipeline.h).
  std::unique_ptr<Communicator> pipeline;
  // Data x context: holders of the same parameters, who sum their gradients.
  std::unique_ptr<Communicator> replicas;
};

// Where a rank's work is ordered: computation, and beside it the traffic of the
// group that the stream is named after.
struct Streams {
  std::unique_ptr<Stream> compute;
  std::unique_ptr<Stream> replicas;
  std::unique_ptr<Stream> tensor;
  std::unique_ptr<Stream> context;
};

// Owns what it names; made once, handed on by reference. Members are destroyed
// from the last to the first: the streams finish their work while communicators
// and device are still there.
struct RankContext {
  Placement placement;
  Mesh mesh;
  std::unique_ptr<Device> device;
  Communicators groups;
  Streams streams;
  // What the ranks of this node do; null for a lone rank. Not owned.
  Ledger* ledger = nullptr;
  FaultInjection fault;  // none but in tests

  RankContext() = default;
  RankContext(RankContext&&) = default;
  // Would destroy the device before the streams.
  RankContext& operator=(RankContext&&) = delete;

  int rank() const { return placement.rank; }
  int world_size() const { return placement.world_size; }
};

// Splits `world` into the groups of `mesh` and makes the streams. Collective:
// called by all ranks of `world`, whose control operations use `device`.
// REQUIRES: mesh.world_size() == placement.world_size == world->size().
absl::StatusOr<RankContext> MakeRankContext(
    const Placement& placement, const Mesh& mesh,
    std::unique_ptr<Device> device, std::unique_ptr<Communicator> world);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_RANK_CONTEXT_H_
