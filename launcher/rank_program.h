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

namespace cogdist {

// OK if every rank's status is; else, on every rank, the error of the lowest
// rank that has one. Collective. For errors that must end a job in good order,
// before its work starts.
absl::Status Agree(Communicator& communicator, const absl::Status& mine);

// Joins the job that this process was started in, or a job of one rank, and
// watches over its collectives; compares the ranks (agreement.h); calls
// `check` (with the world, whose control operations it may call), then, if it
// is OK on all ranks, `body`. `options`: what else than `config` all ranks were
// started with.
//
// An error of `check` is printed by rank 0 alone, and all ranks return its exit
// code. An error of `body` after which other ranks may be waiting is printed
// here and ends the whole job with its exit code; that of a lone rank is
// returned.
absl::StatusOr<ExitCode> RunAsRank(
    const RunConfig& config, absl::string_view options,
    absl::FunctionRef<absl::Status(const Placement&, Communicator&)> check,
    absl::FunctionRef<absl::StatusOr<ExitCode>(RankContext&)> body);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_RANK_PROGRAM_H_
