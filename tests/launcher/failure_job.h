// Jobs in which something goes wrong, through real processes: a small training
// run under mpirun with a fault.

#ifndef COGDIST_TESTS_LAUNCHER_FAILURE_JOB_H_
#define COGDIST_TESTS_LAUNCHER_FAILURE_JOB_H_

#include <chrono>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/launcher/program_job.h"

namespace cogdist::testing {

// From the failure to the end of the job, the timeout below aside, in seconds.
inline constexpr double kGrace = 5;
inline constexpr double kTimeout = 3;

inline constexpr char kFailingConfig[] = R"(
name: "small"
model {
  cogformer {
    vocab_size: 257 num_layers: 4 hidden_size: 32 num_heads: 2
    ffn_size: 48 max_seq_len: 32
  }
}
data { train { prefix: "text" } eos_token_id: 256 }
batch { global_batch_size: 12 }
lr_schedule { peak_lr: 1e-2 }
train_steps: 8
resilience { collective_timeout_seconds: 100 }
run_dir: "run"
)";

class FailureJob : public ProgramJob {
 protected:
  FailureJob() : ProgramJob(kFailingConfig) {}

  // `job`: what follows mpirun's common options.
  ProcessResult MpiRun(absl::string_view job, absl::string_view fault = "") {
    return RunShell(absl::StrCat("COGDIST_FAULT=", fault, " ", kMpiRun, job),
                    dir_.path());
  }
  ProcessResult Train(int ranks, absl::string_view fault,
                      absl::string_view args = "") {
    return MpiRun(absl::StrCat("-np ", ranks, " ", COGDIST_BINARY,
                               " config.pbtxt --resume none ", args),
                  fault);
  }

  // Where ranks hang. Elsewhere the time is one that a crowded machine keeps
  // to.
  ProcessResult Hang(int ranks, absl::string_view fault,
                     absl::string_view args = "") {
    return Train(ranks, fault,
                 absl::StrCat("--set resilience.collective_timeout_seconds=",
                              kTimeout, " ", args));
  }

  // Since the job that has just failed began to train, which is when it wrote
  // its log, a few steps before the failure.
  double SecondsSinceStart() const {
    using Clock = std::filesystem::file_time_type::clock;
    return std::chrono::duration<double>(Clock::now() -
                                         std::filesystem::last_write_time(
                                             dir_ / "run/log/rank_00000.log"))
        .count();
  }
};

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_LAUNCHER_FAILURE_JOB_H_
