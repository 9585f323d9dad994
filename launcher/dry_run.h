// What --dry_run shows: the layout of a run, its memory and traffic by plan,
// and what would keep it from running here.

#ifndef COGDIST_LAUNCHER_DRY_RUN_H_
#define COGDIST_LAUNCHER_DRY_RUN_H_

#include <cstdint>
#include <ostream>

#include "absl/status/status.h"
#include "parallel/rank_context.h"
#include "proto/run_config.pb.h"

namespace cogdist {

// Every rank of this job plans itself, and rank 0 prints. Collective. `config`
// is resolved and valid for the job, but for its files.
absl::Status DryRun(const RunConfig& config, const RankContext& context,
                    std::ostream& out);

// Plans the largest rank of each pipeline stage of a job of `ranks` ranks.
absl::Status DryRunFor(const RunConfig& config, int64_t ranks,
                       std::ostream& out);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_DRY_RUN_H_
