// RUN_DIR: everything that a run writes, and where. docs/run_directory.md
// describes the files.

#ifndef COGDIST_LAUNCHER_RUN_DIRECTORY_H_
#define COGDIST_LAUNCHER_RUN_DIRECTORY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cogdist {

// The names in a run directory: a value. Only rank 0 changes the directory; it
// does so in Create() and MoveAside(), and the other ranks may write their logs
// there once it is done (a barrier, which is the caller's).
class RunDirectory {
 public:
  struct Options {
    std::string path;
    std::string config_text;  // the configuration as resolved, text format
    std::string tokenizer;    // a tokenizer.json to copy; empty: none
    bool move_aside = false;  // --resume none: an old run makes room
  };

  // Rank 0: makes the directory and its folders, or goes on with those that
  // are there, and writes the configuration and the tokenizer.
  static absl::StatusOr<RunDirectory> Create(const Options& options);

  // A run that Create() made, for reading; NOT_FOUND if there is none.
  static absl::StatusOr<RunDirectory> Open(absl::string_view path);

  // Names only; nothing is read or written.
  explicit RunDirectory(absl::string_view path) : path_(path) {}

  const std::string& path() const { return path_; }
  std::string config_path() const { return Name("config.pbtxt"); }
  std::string tokenizer_path() const { return Name("tokenizer.json"); }
  std::string metrics_path() const { return Name("metrics.jsonl"); }
  std::string events_dir() const { return Name("events"); }
  std::string weights_dir() const { return Name("weights"); }
  std::string weights_path() const { return Name("weights/model.safetensors"); }
  std::string log_dir() const { return Name("log"); }
  std::string log_path(int rank) const;  // "log/rank_00000.log"
  // "log/ledger_HOST.bin", see parallel/ledger.h
  std::string ledger_path(absl::string_view host) const;
  std::string diagnostics_path(int rank) const;  // see launcher/diagnostics.h

  // At least one line of metrics was written here.
  bool HasMetrics() const;
  // A folder here has a checkpoint's name (ListCheckpoints()), whole or not.
  bool HasCheckpoint() const;
  // OK unless there are metrics of a run without a checkpoint to go on from:
  // FAILED_PRECONDITION, saying what to do. Writes nothing.
  absl::Status CheckContinuable() const;

  // Rank 0: moves a run that is here into a new folder old_N (N from 1) inside
  // the directory. Files that no run writes stay; without a run it does
  // nothing. If it is interrupted, calling it again moves the rest.
  absl::Status MoveAside() const;

 private:
  std::string Name(absl::string_view entry) const;

  std::string path_;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_RUN_DIRECTORY_H_
