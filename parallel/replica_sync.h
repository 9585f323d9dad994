// What moving parameters between replicas needs, one way or the other:
// gradients to be summed (GradSync), weights to be gathered (WeightSync).

#ifndef COGDIST_PARALLEL_REPLICA_SYNC_H_
#define COGDIST_PARALLEL_REPLICA_SYNC_H_

#include "parallel/communicator.h"
#include "parallel/param_store.h"
#include "parallel/traffic_timer.h"
#include "runtime/stream.h"

namespace cogdist {

// All that it refers to outlives its users.
struct ReplicaSyncArgs {
  ParamStore& params;
  Communicator& replicas;  // ranks with the same parameters
  Stream& compute;         // where weights and gradients are read and written
  Stream& communication;   // where they are sent
  TrafficTimer& timer;     // of both streams
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_REPLICA_SYNC_H_
