// From a started process to a rank. MPI is used only where a launcher started
// the process (mpirun, srun): a lone process would pay a third of a second for
// initialising it.
//
//   COG_ASSIGN_OR_RETURN(Bootstrap bootstrap, Bootstrap::Start());
//   auto device = std::make_unique<CpuDevice>();
//   COG_ASSIGN_OR_RETURN(auto world, bootstrap.CreateWorld(*device));
//   ... MakeRankContext(bootstrap.placement(), mesh, ...), train, destroy ...
//   bootstrap.Finish();

#ifndef COGDIST_PARALLEL_BOOTSTRAP_H_
#define COGDIST_PARALLEL_BOOTSTRAP_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "parallel/collective_watch.h"
#include "parallel/communicator.h"
#include "parallel/ledger.h"
#include "parallel/rank_context.h"
#include "runtime/device.h"

namespace cogdist {

// Whether a launcher's environment variable (OMPI_COMM_WORLD_SIZE, PMI_SIZE or
// PMIX_RANK) says that this process is a rank of a job.
bool StartedByLauncher();

// The cores that a process may run on, true by core number.
using CoreMask = std::vector<bool>;

// Threads for the process `index` of those on a machine whose masks are given:
// every core is shared evenly by the processes that may run on it, which covers
// binding to cores, to sockets and none at all. At least 1.
int ThreadShare(const std::vector<CoreMask>& masks, int index);

// One per process, on the main thread. Movable; a moved-from one must not be
// used. Leaving the process by other ways than Finish() or Abort() kills the
// job.
class Bootstrap {
 public:
  // Initialises MPI under a launcher, finds this rank's placement, and sets
  // OpenMP's thread count to the placement's: OMP_NUM_THREADS where that is
  // set, else this rank's share of the cores that it may run on.
  static absl::StatusOr<Bootstrap> Start();

  const Placement& placement() const { return placement_; }
  // Cores of this machine that no rank may run on, as when mpirun has bound
  // few ranks to one core each; worth a hint to use `--bind-to none`.
  int idle_cores() const { return idle_cores_; }

  // The communicator of all ranks, for control alone; one rank gets a
  // SingleCommunicator. Collective. `device` outlives it.
  absl::StatusOr<std::unique_ptr<Communicator>> CreateWorld(Device& device);

  // What the ranks of this node know of each other; null for a lone rank.
  // Communicators of CreateWorld() write to it.
  Ledger* ledger() { return ledger_.get(); }
  // Ends the job when an operation takes longer or a rank is gone; until
  // Finish(). Nothing for a lone rank.
  void StartWatch(double timeout_seconds);

  // Meets the other ranks and shuts MPI down. After it the process only returns
  // its exit code, which is the same on all ranks; communicators are gone.
  void Finish();
  // Ends the whole job at once: the way out of every error, since a rank that
  // just returned would leave the others waiting. Prints nothing.
  [[noreturn]] void Abort(int exit_code);

 private:
  Bootstrap() = default;
  absl::Status StartMpi();
  // The ranks introduce themselves to each other.
  absl::Status OpenLedger();
  void Meet();  // all ranks, at the end

  bool uses_mpi_ = false;
  Placement placement_;
  int idle_cores_ = 0;
  std::unique_ptr<Ledger> ledger_;
  Ledger::Lane end_;  // of the last barrier
  std::unique_ptr<CollectiveWatch> watch_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_BOOTSTRAP_H_
