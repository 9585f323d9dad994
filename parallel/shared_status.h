// Errors that all ranks of a group return together, so that none is left
// waiting for one that has given up.

#ifndef COGDIST_PARALLEL_SHARED_STATUS_H_
#define COGDIST_PARALLEL_SHARED_STATUS_H_

#include "absl/status/status.h"
#include "parallel/communicator.h"

namespace cogdist {

// The status of the first rank that does not have OK, on every rank. Called by
// all of the group.
absl::Status FirstError(Communicator& group, const absl::Status& mine);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_SHARED_STATUS_H_
