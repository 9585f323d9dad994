// A job of the program that runs beside a test, which sends signals to its
// ranks.

#ifndef COGDIST_TESTS_JOBS_BACKGROUND_JOB_H_
#define COGDIST_TESTS_JOBS_BACKGROUND_JOB_H_

#include <signal.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "tests/subprocess.h"

namespace cogdist {

// Whether `condition` becomes true in time.
inline bool WaitUntil(const std::function<bool()>& condition,
                      double seconds = 60) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (!condition()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

class BackgroundJob {
 public:
  // Starts `command`, of a shell, in the folder `cwd`, as the leader of a
  // session of its own. What it prints goes to the file `output`.
  BackgroundJob(absl::string_view command, absl::string_view cwd,
                absl::string_view output)
      : output_(output) {
    std::filesystem::remove(output_);  // of a job before
    const std::string line =
        absl::StrCat("cd '", cwd, "' && exec env ", command, " </dev/null >'",
                     output, "' 2>&1");
    std::string shell = "sh", flag = "-c", script = line;
    char* const argv[] = {shell.data(), flag.data(), script.data(), nullptr};
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    const int error =
        posix_spawn(&pid_, "/bin/sh", nullptr, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    session_ = pid_;
    if (error != 0) {
      session_ = pid_ = -1;
      ADD_FAILURE() << "cannot start: " << line;
    }
  }

  // Nothing of it stays.
  ~BackgroundJob() {
    Kill();
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
  }
  BackgroundJob(const BackgroundJob&) = delete;
  BackgroundJob& operator=(const BackgroundJob&) = delete;

  // The launcher, or the only rank of a job without one.
  pid_t pid() const { return pid_; }
  // Those that live; any order.
  std::vector<pid_t> Ranks() const { return Processes("cogdist"); }
  void SignalRanks(int signal) const {
    for (const pid_t pid : Ranks()) kill(pid, signal);
  }

  // The launcher and all ranks.
  void Kill() const {
    for (const pid_t pid : Processes("")) kill(pid, SIGKILL);
  }

  std::string Output() const {
    std::ifstream file(output_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // Whether it has ended; Wait() does not block then.
  bool Ended() {
    if (pid_ > 0 && waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
    return pid_ < 0;
  }
  // Its end; a failure of the test if it takes longer than a minute.
  ProcessResult Wait() {
    EXPECT_TRUE(WaitUntil([&] { return Ended(); })) << Output();
    return {.exit_code = WIFEXITED(status_) ? WEXITSTATUS(status_)
                                            : 128 + WTERMSIG(status_),
            .output = Output()};
  }

 private:
  // Of the session, by the program's name; "": all.
  std::vector<pid_t> Processes(absl::string_view name) const {
    std::vector<pid_t> found;
    if (session_ < 0) return found;
    std::error_code error;
    for (std::filesystem::directory_iterator it("/proc", error), end;
         !error && it != end; it.increment(error)) {
      pid_t pid;
      if (!absl::SimpleAtoi(it->path().filename().string(), &pid)) continue;
      if (getsid(pid) != session_) continue;
      std::ifstream file(it->path() / "comm");
      std::string comm;
      std::getline(file, comm);
      if (name.empty() || comm == name) found.push_back(pid);
    }
    return found;
  }

  const std::string output_;
  pid_t pid_ = -1;
  pid_t session_ = -1;
  int status_ = 0;
};

}  // namespace cogdist

#endif  // COGDIST_TESTS_JOBS_BACKGROUND_JOB_H_
