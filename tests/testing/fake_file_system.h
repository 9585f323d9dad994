// A FileSystem in memory for tests of crashes and failures: it can stop as if
// the program had died, show what a crash of the machine leaves, fail any call
// and let a test step in before every call, for instance to make it slow.
//
// The usual test of a writer: run it once to count its changes(), then once for
// each n from 0 on with StopAfter(n), and look at what AfterCrash() gives with
// all kinds of survivors and some seeds.

#ifndef COGDIST_TESTS_TESTING_FAKE_FILE_SYSTEM_H_
#define COGDIST_TESTS_TESTING_FAKE_FILE_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/file_system.h"
#include "tests/testing/fake_disk.h"

namespace cogdist::testing {

// The functions of FileSystem and of its files.
enum class FileCall {
  kCreateFile,
  kAppend,
  kSync,
  kClose,
  kOpenFile,
  kRead,
  kExists,
  kCreateDirectory,
  kListDirectory,
  kRename,
  kRenameNoReplace,
  kRemoveFile,
  kRemoveDirectory,
  kSyncDirectory,
};

// A call that is to fail: of one kind, on a path that contains `path`.
struct FileFault {
  FileCall call = FileCall::kAppend;
  int error = 0;      // an errno
  std::string path;   // "" for all
  int64_t skip = 0;   // so many such calls succeed before
  int64_t times = 1;  // then so many fail
};

// Appended bytes are visible at once: there is no buffer, so that every piece
// is a change of its own. Threads may share it; it must outlive its files.
// Folders that a test needs are made by CreateDirectory; only the root is
// there.
class FakeFileSystem final : public FileSystem {
 public:
  FakeFileSystem() = default;

  absl::StatusOr<std::unique_ptr<WritableFile>> CreateFile(
      absl::string_view path) override;
  absl::StatusOr<std::unique_ptr<ReadableFile>> OpenFile(
      absl::string_view path) override;
  absl::StatusOr<bool> Exists(absl::string_view path) override;
  absl::Status CreateDirectory(absl::string_view path) override;
  absl::StatusOr<std::vector<std::string>> ListDirectory(
      absl::string_view path) override;
  absl::Status Rename(absl::string_view from, absl::string_view to) override;
  absl::Status RenameNoReplace(absl::string_view from,
                               absl::string_view to) override;
  absl::Status RemoveFile(absl::string_view path) override;
  absl::Status RemoveDirectory(absl::string_view path) override;
  absl::Status SyncDirectory(absl::string_view path) override;

  // Calls of this kind so far, without those after the stop.
  int64_t calls(FileCall call) const;
  // Calls so far that can change what a crash leaves or others see: all kinds
  // but kOpenFile, kRead, kExists and kListDirectory.
  int64_t changes() const;
  // The largest numbers of files that were open for writing, and for reading,
  // at the same time.
  int most_open_files() const;
  int most_open_readers() const;

  // Stops once changes() is `changes`: later calls of any kind do nothing and
  // return an error for which IsStopped() is true. A stop within a call needs
  // no case of its own: a write or sync that was under way leaves what the stop
  // before or after it leaves with torn survivors, the others are atomic.
  void StopAfter(int64_t changes);
  bool stopped() const;
  static bool IsStopped(const absl::Status& status);

  // A failing Append has written the first half of its bytes. A failing Sync
  // has lost what was unsynced; readers do not notice until the crash. Faults
  // add up; the first that fits a call counts.
  void Fail(FileFault fault);

  // The disk holds so many bytes of contents; an Append beyond writes what
  // fits and fails with ENOSPC.
  void SetCapacity(int64_t bytes);

  // Calls `hook` before every call, on the caller's thread and without a lock,
  // with the path (of a rename: the new one). A hook that sleeps is a slow
  // disk; one that waits holds a writer up at any point; it may use the file
  // system.
  using Hook = std::function<void(FileCall call, absl::string_view path)>;
  void SetHook(Hook hook);

  // What the next start of the program finds, without faults, hook or capacity.
  // This one stays as it is, so that it can be asked again.
  std::unique_ptr<FakeFileSystem> AfterCrash(Survivors survivors,
                                             uint64_t seed = 0) const;

  // Damage: replaces the contents of an existing file, durably and unnoticed.
  void Overwrite(absl::string_view path, absl::string_view contents);

 private:
  class File;
  class Reader;

  // Calls the hook, takes the lock, counts the call and says whether it fails.
  // `lock` is held afterwards.
  absl::Status Begin(FileCall call, absl::string_view path,
                     std::unique_lock<std::mutex>* lock);
  absl::Status FaultOf(FileCall call, absl::string_view path);

  mutable std::mutex mutex_;  // guards all below
  FakeDisk disk_;
  std::map<FileCall, int64_t> calls_;
  int64_t changes_ = 0;
  int64_t stop_after_ = std::numeric_limits<int64_t>::max();
  int64_t capacity_ = std::numeric_limits<int64_t>::max();
  std::vector<FileFault> faults_;
  Hook hook_;
  int open_files_ = 0;
  int most_open_files_ = 0;
  int open_readers_ = 0;
  int most_open_readers_ = 0;
};

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_TESTING_FAKE_FILE_SYSTEM_H_
