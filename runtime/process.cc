#include "runtime/process.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace cogdist {
namespace {

struct Stat {
  char state = 0;  // 0: there is no such process
  int64_t start_ticks = 0;
};

// /proc/PID/stat, see proc(5). Without AtomicFile's and ReadFile()'s errors: a
// process that is gone is an answer.
Stat ReadStat(int pid) {
  const UniqueFd fd(
      open(absl::StrCat("/proc/", pid, "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return {};
  char buffer[1024];
  const ssize_t size = read(fd.get(), buffer, sizeof(buffer));
  if (size <= 0) return {};
  absl::string_view text(buffer, size);
  // The command's name, in brackets, may hold anything.
  const size_t bracket = text.rfind(") ");
  if (bracket == text.npos) return {};
  text.remove_prefix(bracket + 2);
  const std::vector<absl::string_view> fields = absl::StrSplit(text, ' ');
  constexpr size_t kStart = 22 - 3;  // field 3 is the first behind the name
  Stat stat;
  if (fields.size() <= kStart || fields[0].size() != 1 ||
      !absl::SimpleAtoi(fields[kStart], &stat.start_ticks)) {
    return {};
  }
  stat.state = fields[0][0];
  return stat;
}

}  // namespace

ProcessId ThisProcess() {
  const int pid = getpid();
  return {.pid = pid, .start_ticks = ReadStat(pid).start_ticks};
}

ProcessState StateOf(const ProcessId& process) {
  const Stat stat = ReadStat(process.pid);
  if (stat.start_ticks != process.start_ticks) return ProcessState::kGone;
  switch (stat.state) {
    case 0:
    case 'Z':  // zombie
    case 'X':  // dead
      return ProcessState::kGone;
    case 'T':  // stopped
    case 't':  // traced
      return ProcessState::kStopped;
    default:
      return ProcessState::kAlive;
  }
}

UniqueFd OpenProcess(const ProcessId& process) {
  UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
  // The number may have got another owner before it was opened.
  if (StateOf(process) != ProcessState::kGone) return fd;
  return UniqueFd();
}

std::string HostName() {
  char name[256] = "";
  gethostname(name, sizeof(name) - 1);
  return name;
}

}  // namespace cogdist
