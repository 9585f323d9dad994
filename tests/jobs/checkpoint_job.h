// Jobs that write checkpoints and go on from them, through real processes.

#ifndef COGDIST_TESTS_JOBS_CHECKPOINT_JOB_H_
#define COGDIST_TESTS_JOBS_CHECKPOINT_JOB_H_

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "parallel/checkpoint/checkpoint_folders.h"
#include "parallel/checkpoint/stored_checkpoint.h"
#include "runtime/crc32c.h"
#include "runtime/posix_file_system.h"
#include "tests/golden/golden_run.h"
#include "tests/jobs/background_job.h"
#include "tests/launcher/failure_job.h"

namespace cogdist::testing {

// The newest step whose checkpoint a run has reported as durable; -1: none.
inline int64_t NewestReported(absl::string_view output) {
  constexpr absl::string_view kBefore = "checkpoint of step ";
  int64_t newest = -1;
  for (size_t at = output.find(kBefore); at != output.npos;
       at = output.find(kBefore, at + 1)) {
    const absl::string_view rest = output.substr(at + kBefore.size());
    const size_t digits = rest.find_first_not_of("0123456789");
    int64_t step;
    if (digits != rest.npos && rest.substr(digits, 8) == " written" &&
        absl::SimpleAtoi(rest.substr(0, digits), &step)) {
      newest = std::max(newest, step);
    }
  }
  return newest;
}

// A number in an environment variable.
inline int64_t Environment(const char* name, int64_t otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoll(value);
}

class CheckpointJob : public FailureJob {
 protected:
  static std::string Command(int ranks, absl::string_view args) {
    return ProgramCommand(ranks, /*threads=*/1,
                          absl::StrCat("config.pbtxt ", args));
  }
  ProcessResult Run(int ranks, absl::string_view args) const {
    return RunShell(Command(ranks, args), dir_.path());
  }
  // Its output is kept in the file `name`.
  std::unique_ptr<BackgroundJob> Start(int ranks, absl::string_view args,
                                       absl::string_view name = "out") const {
    return std::make_unique<BackgroundJob>(Command(ranks, args), dir_.path(),
                                           dir_ / name);
  }

  // The newest step of the run's checkpoints, of which each is whole to the
  // last byte; -1: none. REQUIRES: no process writes any.
  int64_t NewestWhole(absl::string_view run = "run") const {
    FileSystem& files = PosixFileSystem();
    const auto folders = ListCheckpoints(files, dir_ / run);
    EXPECT_TRUE(folders.ok()) << folders.status();
    for (const CheckpointFolder& folder : *folders) {
      const auto checkpoint = OpenCheckpoint(files, folder.path);
      EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
      if (!checkpoint.ok()) continue;
      for (const absl::Status& fault : VerifyCheckpoint(files, *checkpoint)) {
        ADD_FAILURE() << fault;
      }
    }
    return folders->empty() ? -1 : folders->front().step;
  }
  std::vector<std::string> CheckpointNames() const {
    return *PosixFileSystem().ListDirectory(dir_ / "run/checkpoints");
  }

  // Steps in the metrics.
  std::map<int64_t, nlohmann::json> Steps(absl::string_view run = "run") const {
    return ReadSteps(dir_ / absl::StrCat(run, "/metrics.jsonl"));
  }
  // Of each step; at the end of the weights.
  std::vector<std::string> Bits(absl::string_view run = "run") const {
    std::vector<std::string> bits;
    for (const auto& [step, record] : Steps(run)) {
      bits.push_back(absl::StrCat(step, " ", record["loss"].dump(), " ",
                                  record["grad_norm"].dump(), " ",
                                  record["tokens"].dump()));
    }
    bits.push_back(absl::StrCat(
        "weights ",
        Crc32c(ReadBytes(dir_ /
                         absl::StrCat(run, "/weights/model.safetensors")))));
    return bits;
  }
};

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_JOBS_CHECKPOINT_JOB_H_
