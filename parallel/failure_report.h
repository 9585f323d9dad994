// What to tell people when a job cannot go on: which rank, in which operation
// of which group, at which step, and who is missing there.

#ifndef COGDIST_PARALLEL_FAILURE_REPORT_H_
#define COGDIST_PARALLEL_FAILURE_REPORT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "parallel/ledger.h"
#include "runtime/process.h"

namespace cogdist {

// One rank, seen from another one.
struct RankView {
  int rank = 0;
  RankIdentity identity;
  ProcessState state = ProcessState::kAlive;
  Ledger::RowState row;
  // Its thread has worked on an operation while it was looked at.
  bool responds = false;
};

// All ranks of the world. Looks twice, `pause` apart, to see who responds;
// meanwhile goes on refreshing the own row, which others look at.
std::vector<RankView> LookAtRanks(Ledger& ledger, absl::Duration pause);

struct FailureReport {
  std::string headline;  // one line that stands for itself
  std::string details;   // lines about the ranks that matter, indented
};

// An operation of this rank, the latest in lane `lane`, has taken longer than
// `timeout_seconds`.
FailureReport ReportTimeout(const Ledger& ledger,
                            const std::vector<RankView>& ranks, int lane,
                            double timeout_seconds);

// The process of rank `gone` has ended.
FailureReport ReportGone(const Ledger& ledger,
                         const std::vector<RankView>& ranks, int gone);

// Something of this rank's has failed in the background: `failure`.
FailureReport ReportBackground(const Ledger& ledger,
                               const std::vector<RankView>& ranks,
                               absl::string_view failure);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_FAILURE_REPORT_H_
