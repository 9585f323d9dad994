#include "launcher/rank_program.h"

#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "launcher/agreement.h"
#include "parallel/bootstrap.h"
#include "runtime/check.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::StatusOr<ExitCode> RunBody(
    const RunConfig& config, Bootstrap& bootstrap,
    std::unique_ptr<CpuDevice> device, std::unique_ptr<Communicator> world,
    absl::FunctionRef<absl::StatusOr<ExitCode>(RankContext&)> body) {
  const Placement& placement = bootstrap.placement();
  COG_ASSIGN_OR_RETURN(const Mesh mesh,
                       Mesh::Create(placement.world_size, config.parallel()));
  COG_ASSIGN_OR_RETURN(
      RankContext context,
      MakeRankContext(placement, mesh, std::move(device), std::move(world)));
  context.ledger = bootstrap.ledger();
  return body(context);
}

// What ends the job in good order, the same on all ranks.
absl::Status CheckAll(
    const RunConfig& config, absl::string_view options,
    const Placement& placement, Communicator& world, DeviceType device,
    absl::FunctionRef<absl::Status(const Placement&, Communicator&)> check) {
  // First: ranks with different configurations may find different faults.
  if (world.size() > 1) {
    COG_RETURN_IF_ERROR(
        CompareTraits(world, TraitsOf(config, Name(device), options)));
  }
  return Agree(world, check(placement, world));
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

absl::StatusOr<ExitCode> RunAsRank(
    const RunConfig& config, absl::string_view options,
    absl::FunctionRef<absl::Status(const Placement&, Communicator&)> check,
    absl::FunctionRef<absl::StatusOr<ExitCode>(RankContext&)> body) {
  COG_ASSIGN_OR_RETURN(Bootstrap bootstrap, Bootstrap::Start());
  const int rank = bootstrap.placement().rank;
  CurrentRankTag().rank = rank;
  auto device = std::make_unique<CpuDevice>();
  COG_ASSIGN_OR_RETURN(std::unique_ptr<Communicator> world,
                       bootstrap.CreateWorld(*device));

  bootstrap.StartWatch(TimeoutSeconds(config));
  const absl::Status checked = CheckAll(config, options, bootstrap.placement(),
                                        *world, device->type(), check);
  if (!checked.ok()) {
    // Before any rank returns: mpirun ends the others when the first one does.
    if (rank == 0) ReportError(checked, std::cerr);
    world.reset();
    bootstrap.Finish();
    return ExitCodeOf(checked);
  }

  WarnOfIdleCores(bootstrap);
  const absl::StatusOr<ExitCode> result =
      RunBody(config, bootstrap, std::move(device), std::move(world), body);
  if (!result.ok() && bootstrap.placement().world_size > 1) {
    const absl::Status with_rank(
        result.status().code(),
        absl::StrCat("rank ", rank, ": ", result.status().message()));
    bootstrap.Abort(static_cast<int>(ReportError(with_rank, std::cerr)));
  }
  bootstrap.Finish();
  return result;
}

}  // namespace cogdist
