// Errors and results that all ranks of a group return together, so that none is
// left waiting for one that has given up.

#ifndef COGDIST_PARALLEL_SHARED_STATUS_H_
#define COGDIST_PARALLEL_SHARED_STATUS_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "parallel/communicator.h"

namespace cogdist {

// The status of the first rank that does not have OK, on every rank. Called by
// all of the group.
absl::Status FirstError(Communicator& group, const absl::Status& mine);

// What `work`, which only the group's rank 0 runs, returns there, on every
// rank. Called by all of the group.
absl::StatusOr<std::string> ResultOfRank0(
    Communicator& group, absl::FunctionRef<absl::StatusOr<std::string>()> work);

// A result as a string for other ranks, and back.
std::string PackResult(const absl::StatusOr<std::string>& result);
absl::StatusOr<std::string> UnpackResult(absl::string_view packed);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_SHARED_STATUS_H_
