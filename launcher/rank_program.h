// The frame around everything that runs as one rank of a job: start, agreement
// on errors, and the ways out.

#ifndef COGDIST_LAUNCHER_RANK_PROGRAM_H_
#define COGDIST_LAUNCHER_RANK_PROGRAM_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "launcher/exit_code.h"
#include "parallel/communicator.h"
#include "parallel/rank_context.h"
#include "proto/run_config.pb.h"
#include "runtime/device.h"

namespace cogdist {

// OK if every rank's status is; else, on every rank, the error of the lowest
// rank that has one. Collective. For errors that must end a job in good order,
// before its work starts.
absl::Status Agree(Communicator& communicator, const absl::Status& mine);

struct RankProgram {
  const RunConfig& config;
  // What else than `config` all ranks were started with.
  absl::string_view options;
  // Where the body computes: config.device(), unless it only plans.
  DeviceKind device;
  // May call the world's control operations, and see what the device has left.
  absl::FunctionRef<absl::Status(const Placement&, Communicator& world,
                                 const Device&)>
      check;
  absl::FunctionRef<absl::StatusOr<ExitCode>(RankContext&)> body;
};

// Joins the job that this process was started in, or a job of one rank, and
// watches over its collectives; chooses the device and compares the ranks
// (device_choice.h, agreement.h); calls `check`, then, if it is OK on all
// ranks, `body`.
//
// An error before `body` is printed by rank 0 alone, and all ranks return its
// exit code. An error of `body` after which other ranks may be waiting is
// printed here and ends the whole job with its exit code; that of a lone rank
// is returned.
absl::StatusOr<ExitCode> RunAsRank(const RankProgram& program);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_RANK_PROGRAM_H_
