// What people name on a command line when they mean checkpoints: a run, by its
// directory or its configuration, or a checkpoint's folder.

#ifndef COGDIST_LAUNCHER_CHECKPOINT_LOOKUP_H_
#define COGDIST_LAUNCHER_CHECKPOINT_LOOKUP_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/file_system.h"

namespace cogdist {

// The run directory that `path` is, or whose configuration file it is. The
// directory of a configuration need not exist. NotFound or InvalidArgument,
// saying what would be right, for everything else, a checkpoint included.
absl::StatusOr<std::string> FindRunDirectory(FileSystem& files,
                                             absl::string_view path);

// The folder `path` if it is a checkpoint's, whole or not; else all of the run,
// newest first. NotFound if there are none.
absl::StatusOr<std::vector<std::string>> FindCheckpoints(
    FileSystem& files, absl::string_view path);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_CHECKPOINT_LOOKUP_H_
