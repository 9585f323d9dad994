// Silent corruption: ranks that should hold the same weights compare checksums
// of them.

#ifndef COGDIST_PARALLEL_REPLICA_CHECK_H_
#define COGDIST_PARALLEL_REPLICA_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "parallel/communicator.h"
#include "parallel/param_store.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// Weights that ranks of some group should hold with the same bits. The view is
// contiguous.
struct ReplicatedTensor {
  std::string name;
  TensorView weights;
  // Where it begins in what the rank holds of the tensor: ranks that have other
  // elements are not compared.
  int64_t first = 0;
};

// Every tensor of the store as the network reads it, once the weights have been
// gathered; its data-parallel replicas hold the same. Empty at ZeRO stage 3,
// where nothing is replicated.
std::vector<ReplicatedTensor> ReplicatedWeights(const ParamStore& params);

// A CRC-32C of each tensor, compared over `group`, whose ranks pass as many
// tensors in the same order, between those that have the same elements. Returns
// a line for each tensor that differs, naming it and the ranks of the world
// that are not with the majority, or all where there is none; empty if all
// agree. The same on every rank of the group. Collective; blocks the host.
// `world_rank`: this rank's.
std::vector<std::string> CompareReplicas(
    Communicator& group, int world_rank, Stream& stream,
    absl::Span<const ReplicatedTensor> tensors);

// The same for all that is replicated: over `replicas` every tensor, and over
// other groups those that the store says they hold copies of; at ZeRO stage 3
// what this rank owns of them. REQUIRES: the weights have been gathered.
std::vector<std::string> CheckReplicas(const ParamStore& params,
                                       Communicator& replicas, int world_rank,
                                       Stream& stream);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_REPLICA_CHECK_H_
