#include "tests/testing/fake_file_system.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist::testing {
namespace {

using Lock = std::unique_lock<std::mutex>;

constexpr absl::string_view kStopped = "the fake file system has stopped";

bool IsChange(FileCall call) {
  return call != FileCall::kOpenFile && call != FileCall::kRead &&
         call != FileCall::kExists && call != FileCall::kListDirectory;
}

absl::string_view Action(FileCall call) {
  switch (call) {
    case FileCall::kCreateFile:
      return "create";
    case FileCall::kAppend:
      return "write";
    case FileCall::kSync:
      return "sync";
    case FileCall::kClose:
      return "close";
    case FileCall::kOpenFile:
      return "open";
    case FileCall::kRead:
      return "read";
    case FileCall::kExists:
      return "look for";
    case FileCall::kCreateDirectory:
      return "make the folder";
    case FileCall::kListDirectory:
      return "list";
    case FileCall::kRename:
    case FileCall::kRenameNoReplace:
      return "rename to";
    case FileCall::kRemoveFile:
      return "remove";
    case FileCall::kRemoveDirectory:
      return "remove the folder";
    case FileCall::kSyncDirectory:
      return "sync the folder";
  }
  return "";
}

absl::Status Result(int error, FileCall call, absl::string_view path) {
  return error == 0 ? absl::OkStatus() : FileError(error, Action(call), path);
}

}  // namespace

class FakeFileSystem::File final : public WritableFile {
 public:
  // Called with the lock held.
  File(FakeFileSystem& owner, absl::string_view path, int node)
      : owner_(owner), path_(path), node_(node) {
    owner_.most_open_files_ =
        std::max(owner_.most_open_files_, ++owner_.open_files_);
  }
  ~File() override {
    if (!open_) return;
    const Lock lock(owner_.mutex_);
    --owner_.open_files_;
  }

  absl::Status Append(absl::string_view bytes) override {
    Lock lock;
    if (!Begin(FileCall::kAppend, &lock)) {
      // The system writes what it can before it fails.
      if (failed_now_)
        owner_.disk_.Append(node_, bytes.substr(0, bytes.size() / 2));
      return status_;
    }
    const int64_t left =
        std::max<int64_t>(0, owner_.capacity_ - owner_.disk_.UsedBytes());
    owner_.disk_.Append(node_, bytes.substr(0, left));
    if (left < static_cast<int64_t>(bytes.size())) {
      status_ = Result(ENOSPC, FileCall::kAppend, path_);
    }
    return status_;
  }

  absl::Status Sync() override {
    Lock lock;
    if (Begin(FileCall::kSync, &lock)) {
      owner_.disk_.SyncFile(node_);
    } else if (failed_now_) {
      owner_.disk_.LoseUnsynced(node_);
    }
    return status_;
  }

  absl::Status Close() override {
    Lock lock;
    Begin(FileCall::kClose, &lock);
    open_ = false;
    --owner_.open_files_;
    return status_;
  }

 private:
  // False if the call fails; status_ has the error.
  bool Begin(FileCall call, Lock* lock) {
    COG_CHECK(open_, "used after Close(): ", path_);
    const absl::Status begun = owner_.Begin(call, path_, lock);
    failed_now_ = status_.ok() && !begun.ok() && !IsStopped(begun);
    status_.Update(begun);
    return status_.ok();
  }

  FakeFileSystem& owner_;
  const std::string path_;
  const int node_;
  bool open_ = true;
  bool failed_now_ = false;  // the current call is the first that failed
  absl::Status status_;
};

class FakeFileSystem::Reader final : public ReadableFile {
 public:
  // Called with the lock held.
  Reader(FakeFileSystem& owner, absl::string_view path, int node, int64_t size)
      : owner_(owner), path_(path), node_(node), size_(size) {
    owner_.most_open_readers_ =
        std::max(owner_.most_open_readers_, ++owner_.open_readers_);
  }
  ~Reader() override {
    const Lock lock(owner_.mutex_);
    --owner_.open_readers_;
  }

  int64_t size() const override { return size_; }

  absl::Status Read(int64_t offset, absl::Span<char> bytes) const override {
    Lock lock;
    COG_RETURN_IF_ERROR(owner_.Begin(FileCall::kRead, path_, &lock));
    const std::string& contents = owner_.disk_.Contents(node_);
    const size_t begin = std::min(contents.size(), static_cast<size_t>(offset));
    const size_t count = std::min(contents.size() - begin, bytes.size());
    std::copy_n(contents.begin() + static_cast<ptrdiff_t>(begin), count,
                bytes.begin());
    if (count == bytes.size()) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(
        path_, " is too short: ", bytes.size() - count,
        " bytes are missing at ", offset + static_cast<int64_t>(count)));
  }

 private:
  FakeFileSystem& owner_;
  const std::string path_;
  const int node_;
  const int64_t size_;
};

absl::Status FakeFileSystem::Begin(FileCall call, absl::string_view path,
                                   Lock* lock) {
  *lock = Lock(mutex_);
  if (hook_ != nullptr) {
    const Hook hook = hook_;
    lock->unlock();
    hook(call, path);
    lock->lock();
  }
  if (changes_ >= stop_after_) return absl::AbortedError(kStopped);
  ++calls_[call];
  if (IsChange(call)) ++changes_;
  return FaultOf(call, path);
}

absl::Status FakeFileSystem::FaultOf(FileCall call, absl::string_view path) {
  for (FileFault& fault : faults_) {
    if (fault.call != call || fault.times == 0) continue;
    if (!absl::StrContains(path, fault.path)) continue;
    if (fault.skip-- > 0) continue;
    --fault.times;
    return FileError(fault.error, Action(call), path);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<WritableFile>> FakeFileSystem::CreateFile(
    absl::string_view path) {
  Lock lock;
  COG_RETURN_IF_ERROR(Begin(FileCall::kCreateFile, path, &lock));
  int node;
  COG_RETURN_IF_ERROR(Result(disk_.Create(path, /*is_folder=*/false, &node),
                             FileCall::kCreateFile, path));
  return std::make_unique<File>(*this, path, node);
}

absl::StatusOr<std::unique_ptr<ReadableFile>> FakeFileSystem::OpenFile(
    absl::string_view path) {
  Lock lock;
  COG_RETURN_IF_ERROR(Begin(FileCall::kOpenFile, path, &lock));
  int node;
  COG_RETURN_IF_ERROR(
      Result(disk_.Find(path, &node), FileCall::kOpenFile, path));
  if (disk_.is_folder(node)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is a folder; a file is needed"));
  }
  const auto size = static_cast<int64_t>(disk_.Contents(node).size());
  return std::make_unique<Reader>(*this, path, node, size);
}

absl::StatusOr<bool> FakeFileSystem::Exists(absl::string_view path) {
  Lock lock;
  COG_RETURN_IF_ERROR(Begin(FileCall::kExists, path, &lock));
  int node;
  return disk_.Find(path, &node) == 0;
}

absl::Status FakeFileSystem::CreateDirectory(absl::string_view path) {
  Lock lock;
  COG_RETURN_IF_ERROR(Begin(FileCall::kCreateDirectory, path, &lock));
  int node;
  return Result(disk_.Create(path, /*is_folder=*/true, &node),
                FileCall::kCreateDirectory, path);
}

absl::StatusOr<std::vector<std::string>> FakeFileSystem::ListDirectory(
    absl::string_view path) {
  Lock lock;
  COG_RETURN_IF_ERROR(Begin(FileCall::kListDirectory, path, &lock));
  std::vector<std::string> names;
  COG_RETURN_IF_ERROR(
      Result(disk_.List(path, &names), FileCall::kListDirectory, path));
  return names;
}

absl::Status FakeFileSystem::Rename(absl::string_view from,
                                    absl::string_view to) {
  Lock lock;
  COG_RETURN_IF_ERROR(Begin(FileCall::kRename, to, &lock));
  return Result(disk_.Rename(from, to, /*replace=*/true), FileCall::kRename,
                absl::StrCat(to, " from ", from));
}

absl::Status FakeFileSystem::RenameNoReplace(absl::string_view from,
                                             absl::string_view to) {
  Lock lock;
  COG_RETURN_IF_ERROR(Begin(FileCall::kRenameNoReplace, to, &lock));
  return Result(disk_.Rename(from, to, /*replace=*/false),
                FileCall::kRenameNoReplace, absl::StrCat(to, " from ", from));
}

absl::Status FakeFileSystem::RemoveFile(absl::string_view path) {
  Lock lock;
  COG_RETURN_IF_ERROR(Begin(FileCall::kRemoveFile, path, &lock));
  return Result(disk_.Remove(path, /*is_folder=*/false), FileCall::kRemoveFile,
                path);
}

absl::Status FakeFileSystem::RemoveDirectory(absl::string_view path) {
  Lock lock;
  COG_RETURN_IF_ERROR(Begin(FileCall::kRemoveDirectory, path, &lock));
  return Result(disk_.Remove(path, /*is_folder=*/true),
                FileCall::kRemoveDirectory, path);
}

absl::Status FakeFileSystem::SyncDirectory(absl::string_view path) {
  Lock lock;
  COG_RETURN_IF_ERROR(Begin(FileCall::kSyncDirectory, path, &lock));
  return Result(disk_.SyncFolder(path), FileCall::kSyncDirectory, path);
}

int64_t FakeFileSystem::calls(FileCall call) const {
  const Lock lock(mutex_);
  const auto found = calls_.find(call);
  return found == calls_.end() ? 0 : found->second;
}

int64_t FakeFileSystem::changes() const {
  const Lock lock(mutex_);
  return changes_;
}

int FakeFileSystem::most_open_files() const {
  const Lock lock(mutex_);
  return most_open_files_;
}

int FakeFileSystem::most_open_readers() const {
  const Lock lock(mutex_);
  return most_open_readers_;
}

void FakeFileSystem::StopAfter(int64_t changes) {
  const Lock lock(mutex_);
  stop_after_ = changes;
}

bool FakeFileSystem::stopped() const {
  const Lock lock(mutex_);
  return changes_ >= stop_after_;
}

bool FakeFileSystem::IsStopped(const absl::Status& status) {
  return absl::IsAborted(status) &&
         absl::StrContains(status.message(), kStopped);
}

void FakeFileSystem::Fail(FileFault fault) {
  const Lock lock(mutex_);
  faults_.push_back(std::move(fault));
}

void FakeFileSystem::SetCapacity(int64_t bytes) {
  const Lock lock(mutex_);
  capacity_ = bytes;
}

void FakeFileSystem::SetHook(Hook hook) {
  const Lock lock(mutex_);
  hook_ = std::move(hook);
}

std::unique_ptr<FakeFileSystem> FakeFileSystem::AfterCrash(
    Survivors survivors, uint64_t seed) const {
  const Lock lock(mutex_);
  auto next = std::make_unique<FakeFileSystem>();
  next->disk_ = disk_.AfterCrash(survivors, seed);
  return next;
}

void FakeFileSystem::Overwrite(absl::string_view path,
                               absl::string_view contents) {
  const Lock lock(mutex_);
  int node;
  COG_CHECK_EQ(disk_.Find(path, &node), 0);
  disk_.Overwrite(node, contents);
}

}  // namespace cogdist::testing
