#include "parallel/bootstrap.h"

#include <mpi.h>
#include <omp.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "parallel/host_communicator.h"
#include "parallel/mpi_status.h"
#include "parallel/mpi_transport.h"
#include "parallel/single_communicator.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

cpu_set_t OwnCores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0) {
    // A machine with more cores than a cpu_set_t: take them all as ours.
    const int online = sysconf(_SC_NPROCESSORS_ONLN);
    for (int core = 0; core < std::min(online, CPU_SETSIZE); ++core) {
      CPU_SET(core, &cores);
    }
  }
  return cores;
}

CoreMask ToMask(const cpu_set_t& cores) {
  CoreMask mask(CPU_SETSIZE);
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    mask[core] = CPU_ISSET(core, &cores);
  }
  return mask;
}

int CountIdle(const std::vector<CoreMask>& masks) {
  int used = 0;
  for (size_t core = 0; core < masks[0].size(); ++core) {
    used += std::any_of(masks.begin(), masks.end(),
                        [&](const CoreMask& mask) { return mask[core]; });
  }
  return std::max<int>(sysconf(_SC_NPROCESSORS_ONLN) - used, 0);
}

// The core masks of the ranks on this machine, by local rank.
absl::StatusOr<std::vector<CoreMask>> GatherMasks(MPI_Comm local, int size) {
  const cpu_set_t mine = OwnCores();
  std::vector<cpu_set_t> all(size);
  COG_RETURN_IF_ERROR(
      MpiStatus(MPI_Allgather(&mine, sizeof(mine), MPI_BYTE, all.data(),
                              sizeof(mine), MPI_BYTE, local),
                "MPI_Allgather"));
  std::vector<CoreMask> masks;
  for (const cpu_set_t& cores : all) masks.push_back(ToMask(cores));
  return masks;
}

// A launcher of another MPI, or a left-over of its environment, would make
// every rank a job of its own.
absl::Status CheckLauncherAgrees(int world_size) {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    const char* const text = std::getenv(name);
    int ranks = 0;
    if (text == nullptr || !absl::SimpleAtoi(text, &ranks)) continue;
    if (ranks == world_size) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "the environment says ", name, "=", ranks, ", but MPI has ", world_size,
        world_size == 1 ? " rank" : " ranks",
        ": the launcher is that of another MPI, or the variable is left over "
        "from another job; start cogdist with the mpirun of the MPI that it "
        "was built with, or alone without ",
        name));
  }
  return absl::OkStatus();
}

// One rank as the others get to know it.
struct Introduction {
  char host[256] = "";
  ProcessId process;
  int32_t node = 0;  // the lowest rank there
};

// Every rank's identity. `node`: the lowest rank of this node.
absl::StatusOr<std::vector<RankIdentity>> Introduce(int world_size, int node) {
  Introduction mine{.process = ThisProcess(), .node = node};
  absl::SNPrintF(mine.host, sizeof(mine.host), "%s", HostName());
  std::vector<Introduction> all(world_size);
  COG_RETURN_IF_ERROR(
      MpiStatus(MPI_Allgather(&mine, sizeof(mine), MPI_BYTE, all.data(),
                              sizeof(mine), MPI_BYTE, MPI_COMM_WORLD),
                "MPI_Allgather"));
  std::vector<RankIdentity> ranks;
  for (const Introduction& rank : all) {
    // Ranks in containers of their own share memory, but not their processes.
    const bool here =
        rank.node == node && StateOf(rank.process) != ProcessState::kGone;
    ranks.push_back({.host = rank.host, .process = rank.process, .here = here});
  }
  return ranks;
}

}  // namespace

bool StartedByLauncher() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"}) {
    if (std::getenv(name) != nullptr) return true;
  }
  return false;
}

int ThreadShare(const std::vector<CoreMask>& masks, int index) {
  double share = 0;
  for (size_t core = 0; core < masks[index].size(); ++core) {
    if (!masks[index][core]) continue;
    share +=
        1.0 / std::count_if(masks.begin(), masks.end(),
                            [&](const CoreMask& mask) { return mask[core]; });
  }
  return std::max(1, static_cast<int>(share + 1e-6));
}

absl::StatusOr<Bootstrap> Bootstrap::Start() {
  Bootstrap bootstrap;
  if (StartedByLauncher()) {
    COG_RETURN_IF_ERROR(bootstrap.StartMpi());
  } else {
    bootstrap.placement_.num_threads = ThreadShare({ToMask(OwnCores())}, 0);
  }
  if (std::getenv("OMP_NUM_THREADS") != nullptr) {
    bootstrap.placement_.num_threads = omp_get_max_threads();
  }
  omp_set_num_threads(bootstrap.placement_.num_threads);
  CurrentRankTag().rank = bootstrap.placement_.rank;
  return bootstrap;
}

absl::Status Bootstrap::StartMpi() {
  // Only the main thread calls MPI.
  int provided = MPI_THREAD_SINGLE;
  COG_RETURN_IF_ERROR(MpiStatus(
      MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided),
      "MPI_Init_thread"));
  uses_mpi_ = true;
  if (provided < MPI_THREAD_FUNNELED) {
    return absl::UnavailableError(
        "this MPI library does not allow programs with threads "
        "(MPI_THREAD_FUNNELED)");
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &placement_.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &placement_.world_size);
  COG_RETURN_IF_ERROR(CheckLauncherAgrees(placement_.world_size));
  MPI_Comm local = MPI_COMM_NULL;
  COG_RETURN_IF_ERROR(
      MpiStatus(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED,
                                    placement_.rank, MPI_INFO_NULL, &local),
                "MPI_Comm_split_type"));
  MPI_Comm_rank(local, &placement_.local_rank);
  MPI_Comm_size(local, &placement_.local_size);
  absl::StatusOr<std::vector<CoreMask>> masks =
      GatherMasks(local, placement_.local_size);
  placement_.node = placement_.rank;
  MPI_Bcast(&placement_.node, 1, MPI_INT, 0, local);
  MPI_Comm_free(&local);
  COG_RETURN_IF_ERROR(masks.status());
  if (placement_.world_size > 1) COG_RETURN_IF_ERROR(OpenLedger());
  placement_.num_threads = ThreadShare(*masks, placement_.local_rank);
  idle_cores_ = CountIdle(*masks);
  return absl::OkStatus();
}

absl::Status Bootstrap::OpenLedger() {
  const int node = placement_.node;
  COG_ASSIGN_OR_RETURN(std::vector<RankIdentity> ranks,
                       Introduce(placement_.world_size, node));
  // Until there is a run directory: a file in memory without a name, where the
  // system has such; otherwise each rank sees itself alone.
  const ProcessId leader = ranks[node].process;
  const std::string path =
      absl::StrCat("/dev/shm/cogdist_", leader.pid, "_", leader.start_ticks);
  ledger_ = std::make_unique<Ledger>(placement_.rank, std::move(ranks));
  end_ = ledger_->AddLane("world end", ledger_->World());
  ledger_->Share(path).IgnoreError();
  MPI_Barrier(MPI_COMM_WORLD);
  if (placement_.rank == node) unlink(path.c_str());
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Communicator>> Bootstrap::CreateWorld(
    Device& device) {
  if (placement_.world_size == 1) return std::make_unique<SingleCommunicator>();
  COG_ASSIGN_OR_RETURN(std::unique_ptr<Transport> transport,
                       CreateMpiTransport());
  return std::make_unique<HostCommunicator>(
      std::move(transport), device, MessageOptions(),
      LedgerGroup{.ledger = ledger_.get(),
                  .name = "world",
                  .members = ledger_->World()},
      Communicator::Carries::kControl);
}

void Bootstrap::StartWatch(double timeout_seconds) {
  if (ledger_ == nullptr) return;
  watch_ = std::make_unique<CollectiveWatch>(
      *ledger_, CollectiveWatch::Options{.timeout_seconds = timeout_seconds});
}

void Bootstrap::Finish() {
  if (!std::exchange(uses_mpi_, false)) return;
  if (ledger_ != nullptr) Meet();
  watch_.reset();
  MPI_Finalize();
}

void Bootstrap::Meet() {
  // Who leaves the barrier first may be gone before another one has left it.
  ledger_->SetPhase(Ledger::Phase::kDone);
  end_.Begin({.operation = Operation::kBarrier});
  MPI_Request request = MPI_REQUEST_NULL;
  MpiCheck(MPI_Ibarrier(MPI_COMM_WORLD, &request), "MPI_Ibarrier");
  for (int done = 0; !done;) {
    MpiCheck(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    end_.Poll();
    std::this_thread::yield();
  }
  end_.End();
}

void Bootstrap::Abort(int exit_code) {
  std::fflush(nullptr);
  if (ledger_ != nullptr) ledger_->SetPhase(Ledger::Phase::kLeaving);
  if (uses_mpi_) MPI_Abort(MPI_COMM_WORLD, exit_code);
  std::_Exit(exit_code);
}

}  // namespace cogdist
