// MPI's error codes as statuses. (No MPI types here, so that mpi.h stays in the
// mpi_*.cc files and bootstrap.cc.)

#ifndef COGDIST_PARALLEL_MPI_STATUS_H_
#define COGDIST_PARALLEL_MPI_STATUS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace cogdist {

// OK for MPI_SUCCESS, else UNAVAILABLE with the call and MPI's own words.
absl::Status MpiStatus(int code, absl::string_view call);

// For calls in the middle of a step, when the other ranks are in an unknown
// state: prints `call` with rank, step and MPI's own words, and ends the job
// with exit code 1 unless `code` is MPI_SUCCESS.
void MpiCheck(int code, absl::string_view call);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_MPI_STATUS_H_
