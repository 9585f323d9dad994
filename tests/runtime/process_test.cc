#include "runtime/process.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace cogdist {
namespace {

// A child that sleeps; its identity is read here.
class Child {
 public:
  Child() : pid_(fork()) {
    if (pid_ == 0) {
      for (;;) pause();
    }
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  int pid() const { return pid_; }

 private:
  int pid_;
};

// Start ticks of a process, found by trying: those of a child are not before
// those of its parent and at most a minute later.
ProcessId IdentityOf(int pid) {
  ProcessId id = {.pid = pid, .start_ticks = ThisProcess().start_ticks};
  for (int i = 0; i < 1'000'000; ++i, ++id.start_ticks) {
    if (StateOf(id) != ProcessState::kGone) return id;
  }
  ADD_FAILURE() << "process " << pid << " is not there";
  return id;
}

TEST(ProcessTest, ThisOneIsAlive) {
  EXPECT_EQ(ThisProcess().pid, getpid());
  EXPECT_GT(ThisProcess().start_ticks, 0);
  EXPECT_EQ(StateOf(ThisProcess()), ProcessState::kAlive);
  EXPECT_FALSE(HostName().empty());
}

TEST(ProcessTest, ANumberAloneIsNotTheProcess) {
  ProcessId other = ThisProcess();
  ++other.start_ticks;
  EXPECT_EQ(StateOf(other), ProcessState::kGone);
  EXPECT_FALSE(OpenProcess(other).valid());
}

TEST(ProcessTest, StoppedAndGone) {
  const Child child;
  const ProcessId id = IdentityOf(child.pid());
  const UniqueFd fd = OpenProcess(id);
  kill(child.pid(), SIGSTOP);
  int status = 0;
  waitpid(child.pid(), &status, WUNTRACED);
  EXPECT_EQ(StateOf(id), ProcessState::kStopped);

  kill(child.pid(), SIGKILL);
  if (fd.valid()) {  // not before Linux 5.3
    pollfd event = {fd.get(), POLLIN, 0};
    EXPECT_EQ(poll(&event, 1, -1), 1);
  }
  siginfo_t info = {};
  waitid(P_PID, child.pid(), &info, WEXITED | WNOWAIT);
  EXPECT_EQ(StateOf(id), ProcessState::kGone) << "a zombie counts as gone";
}

}  // namespace
}  // namespace cogdist
