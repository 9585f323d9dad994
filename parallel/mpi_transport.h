// Ranks as processes: a transport over MPI's non-blocking point-to-point calls.

#ifndef COGDIST_PARALLEL_MPI_TRANSPORT_H_
#define COGDIST_PARALLEL_MPI_TRANSPORT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "parallel/transport.h"

namespace cogdist {

// All ranks of the job, in a message space of its own. Collective; REQUIRES
// that MPI is initialised (bootstrap.h). An MPI call that fails later ends the
// job, naming call, peer and rank. Messages are below 2 GiB.
absl::StatusOr<std::unique_ptr<Transport>> CreateMpiTransport();

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_MPI_TRANSPORT_H_
