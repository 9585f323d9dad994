// Other processes of this machine: which one, and how it is doing. Linux only:
// /proc and process file descriptors.

#ifndef COGDIST_RUNTIME_PROCESS_H_
#define COGDIST_RUNTIME_PROCESS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/unique_fd.h"

namespace cogdist {

// A process for good: its number may be given to another one after its end, but
// not with the same start.
struct ProcessId {
  int32_t pid = 0;
  int64_t start_ticks = 0;  // clock ticks from the machine's boot to its start
};

enum class ProcessState {
  kAlive,
  kStopped,  // by SIGSTOP or a debugger
  kGone,     // ended, even if its parent has not taken note; or not visible
             // from here, as in another container
};

ProcessId ThisProcess();
ProcessState StateOf(const ProcessId& process);

// A descriptor that poll() finds readable once the process has ended. Not valid
// on a kernel before Linux 5.3, or if the process is gone.
UniqueFd OpenProcess(const ProcessId& process);

// Name of this machine as its kernel knows it.
std::string HostName();

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_PROCESS_H_
