#include "launcher/rank_program.h"

#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "launcher/agreement.h"
#include "launcher/device_choice.h"
#include "parallel/bootstrap.h"
#include "runtime/check.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// What a rank has before its context. The first outlives the last.
struct Beginnings {
  std::unique_ptr<CpuDevice> host = std::make_unique<CpuDevice>();
  DeviceChoice choice;
  std::unique_ptr<Device> gpu;          // null where the host computes
  std::unique_ptr<Communicator> world;  // of the hosts

  Device& device() { return gpu == nullptr ? *host : *gpu; }
};

// The kind of device, the same on all ranks, which are compared on the way, and
// a GPU of the rank's own. Collective, and the same error on all ranks.
absl::Status AgreeOnDevice(const RankProgram& program,
                           const Placement& placement, Beginnings& rank) {
  Communicator& world = *rank.world;
  const absl::StatusOr<DeviceChoice> choice =
      ChooseDevice(program.device, placement.local_rank);
  COG_RETURN_IF_ERROR(Agree(world, choice.status()));
  rank.choice = *choice;
  if (placement.rank == 0) WarnOfUnusedGpus(*choice, std::cerr);
  if (world.size() > 1) {
    COG_RETURN_IF_ERROR(CompareTraits(
        world, TraitsOf(program.config, Name(choice->type), program.options)));
  }
  if (choice->gpus == nullptr) return absl::OkStatus();
  COG_RETURN_IF_ERROR(CheckOwnGpu(*choice, placement, world));
  absl::StatusOr<std::unique_ptr<Device>> gpu = OpenDevice(*choice);
  COG_RETURN_IF_ERROR(Agree(world, gpu.status()));
  rank.gpu = *std::move(gpu);
  return absl::OkStatus();
}

// What ends the job in good order, the same on all ranks. First the device:
// ranks with different configurations may find different faults.
absl::Status Prepare(const RankProgram& program, const Placement& placement,
                     Beginnings& rank) {
  COG_RETURN_IF_ERROR(AgreeOnDevice(program, placement, rank));
  return Agree(*rank.world,
               program.check(placement, *rank.world, rank.device()));
}

// The way out of an error on one of several ranks.
void EndJobOn(const absl::Status& error, Bootstrap& bootstrap) {
  if (error.ok() || bootstrap.placement().world_size == 1) return;
  const absl::Status with_rank(
      error.code(),
      absl::StrCat("rank ", bootstrap.placement().rank, ": ", error.message()));
  bootstrap.Abort(static_cast<int>(ReportError(with_rank, std::cerr)));
}

absl::StatusOr<ExitCode> RunBody(const RankProgram& program,
                                 Bootstrap& bootstrap, Beginnings rank) {
  const Placement& placement = bootstrap.placement();
  COG_ASSIGN_OR_RETURN(
      const Mesh mesh,
      Mesh::Create(placement.world_size, program.config.parallel()));
  std::unique_ptr<Device> device;
  if (rank.gpu == nullptr) {
    device = std::move(rank.host);
  } else {
    device = std::move(rank.gpu);
    // The hosts' communicator stays, and needs the host's device.
    COG_ASSIGN_OR_RETURN(rank.world, rank.choice.gpus->create_communicator(
                                         std::move(rank.world), *device));
  }
  COG_ASSIGN_OR_RETURN(RankContext context,
                       MakeRankContext(placement, mesh, std::move(device),
                                       std::move(rank.world)));
  context.ledger = bootstrap.ledger();
  const absl::StatusOr<ExitCode> result = program.body(context);
  // While the context is whole: its end may wait for the other ranks.
  EndJobOn(result.status(), bootstrap);
  return result;
}

// Until the configuration is known to be good, any time may be in it.
double TimeoutSeconds(const RunConfig& config) {
  const double given = config.resilience().collective_timeout_seconds();
  return given > 0 ? given : ResilienceConfig().collective_timeout_seconds();
}

// mpirun binds few ranks to one core each unless told otherwise.
void WarnOfIdleCores(const Bootstrap& bootstrap) {
  if (bootstrap.placement().rank != 0 || bootstrap.idle_cores() == 0) return;
  std::cerr << "cogdist: warning: " << bootstrap.idle_cores()
            << " cores of this machine are left idle; to use them, start with "
               "`mpirun --bind-to none`\n";
}

}  // namespace

absl::Status Agree(Communicator& communicator, const absl::Status& mine) {
  // One digit or two of the code, a colon, the message; empty when OK.
  const std::string text =
      mine.ok()
          ? ""
          : absl::StrCat(static_cast<int>(mine.code()), ":", mine.message());
  for (const std::string& other : communicator.AllGatherStrings(text)) {
    if (other.empty()) continue;
    const size_t colon = other.find(':');
    int code = 0;
    COG_CHECK(absl::SimpleAtoi(other.substr(0, colon), &code));
    return absl::Status(static_cast<absl::StatusCode>(code),
                        other.substr(colon + 1));
  }
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> RunAsRank(const RankProgram& program) {
  COG_ASSIGN_OR_RETURN(Bootstrap bootstrap, Bootstrap::Start());
  const int rank = bootstrap.placement().rank;
  CurrentRankTag().rank = rank;
  Beginnings own;
  COG_ASSIGN_OR_RETURN(own.world, bootstrap.CreateWorld(*own.host));

  bootstrap.StartWatch(TimeoutSeconds(program.config));
  const absl::Status prepared = Prepare(program, bootstrap.placement(), own);
  if (!prepared.ok()) {
    // Before any rank returns: mpirun ends the others when the first one does.
    if (rank == 0) ReportError(prepared, std::cerr);
    own.world.reset();
    bootstrap.Finish();
    return ExitCodeOf(prepared);
  }

  WarnOfIdleCores(bootstrap);
  const absl::StatusOr<ExitCode> result =
      RunBody(program, bootstrap, std::move(own));
  EndJobOn(result.status(), bootstrap);
  bootstrap.Finish();
  return result;
}

}  // namespace cogdist
