// The groups of ranks that only a particular network needs, made beside those
// of the mesh.

#ifndef COGDIST_MODELS_MODEL_GROUPS_H_
#define COGDIST_MODELS_MODEL_GROUPS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "models/model_parallel.h"
#include "parallel/communicator.h"
#include "parallel/rank_context.h"
#include "proto/run_config.pb.h"

namespace cogdist {

// Outlives the network.
struct ModelGroups {
  // Absent where this rank shares nothing.
  std::unique_ptr<Communicator> kv_copies;
  std::unique_ptr<Communicator> tied;
  // All that the network's layers need; refers to the groups here and to those
  // of the rank's context.
  ModelParallel parallel;
};

// Collective: called by all ranks, with the same resolved and valid
// configuration. `context` outlives the result.
absl::StatusOr<ModelGroups> MakeModelGroups(const RunConfig& config,
                                            RankContext& context);

}  // namespace cogdist

#endif  // COGDIST_MODELS_MODEL_GROUPS_H_
