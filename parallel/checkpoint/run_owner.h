// Fencing: which attempt, i.e. start of a run, may commit checkpoints. After a
// network was cut, a scheduler may start a run again while ranks of the former
// attempt still live. The newer attempt takes the run over by writing its name
// to RUN_DIR/OWNER, and the former's next commit is refused.
//
// OWNER is text: the attempt's name, NUMBER-RANDOM, on the first line, then who
// that is, for people.

#ifndef COGDIST_PARALLEL_CHECKPOINT_RUN_OWNER_H_
#define COGDIST_PARALLEL_CHECKPOINT_RUN_OWNER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/file_system.h"

namespace cogdist {

inline constexpr absl::string_view kOwnerName = "OWNER";

// Random hexadecimal digits, 2 a byte, that no other process gets.
std::string RandomHex(int bytes);

// Makes the caller, on one rank of the attempt, the owner; durable on return.
// The result is the attempt's name, e.g. "3-5f2c9a10", in which the number is
// one more than the former owner's. RUN_DIR must exist.
absl::StatusOr<std::string> TakeOwnership(FileSystem& files,
                                          absl::string_view run_dir);

// The number in an attempt's name; 0 for what is none.
int64_t AttemptNumber(absl::string_view attempt);

// An Aborted error that names both if not `attempt` owns the run now.
absl::Status CheckOwnership(FileSystem& files, absl::string_view run_dir,
                            absl::string_view attempt);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CHECKPOINT_RUN_OWNER_H_
