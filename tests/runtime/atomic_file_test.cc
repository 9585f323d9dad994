#include "runtime/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "runtime/file.h"
#include "runtime/status_macros.h"
#include "tests/temp_dir.h"
#include "tests/testing/fake_file_system.h"

namespace cogdist {
namespace {

using testing::FakeFileSystem;
using testing::FileCall;
using testing::Survivors;

int CountEntries(const std::string& folder) {
  const auto names = PosixFileSystem().ListDirectory(folder);
  return names.ok() ? static_cast<int>(names->size()) : -1;
}

TEST(AtomicFileTest, FailedWritesLeaveTheOldFile) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomically(dir / "file", "old").ok());
  {
    absl::StatusOr<AtomicFile> file = AtomicFile::Create(dir / "file");
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->file().Append("new").ok());
    EXPECT_EQ(CountEntries(dir.path()), 2);
  }
  EXPECT_EQ(CountEntries(dir.path()), 1);
  EXPECT_EQ(*ReadFile(dir / "file"), "old");
  ASSERT_TRUE(CreateDirectories(dir / "folder/inside").ok());
  EXPECT_FALSE(WriteFileAtomically(dir / "folder", "new").ok());
  EXPECT_EQ(CountEntries(dir.path()), 2);
}

TEST(AtomicFileTest, TwoWritersOfOnePathDoNotMeet) {
  const TempDir dir;
  absl::StatusOr<AtomicFile> a = AtomicFile::Create(dir / "file");
  absl::StatusOr<AtomicFile> b = AtomicFile::Create(dir / "file");
  ASSERT_TRUE(a->file().Append("a").ok() && b->file().Append("b").ok());
  ASSERT_TRUE(a->Commit().ok() && b->Commit().ok());
  EXPECT_EQ(*ReadFile(dir / "file"), "b");
}

TEST(AtomicFileTest, AppendsPiecesOfEverySize) {
  const TempDir dir;
  absl::StatusOr<AtomicFile> file = AtomicFile::Create(dir / "file");
  std::string expected;
  for (size_t size = 0; size < (3 << 20); size = 2 * size + 1) {
    const std::string piece(size, static_cast<char>('a' + size % 23));
    ASSERT_TRUE(file->file().Append(piece).ok());
    expected += piece;
  }
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(*ReadFile(dir / "file"), expected);
}

// A disk with a durable file "/d/file".
void PutOldFile(FakeFileSystem& files, absl::string_view contents) {
  ASSERT_TRUE(files.CreateDirectory("/d").ok());
  ASSERT_TRUE(files.SyncDirectory("/").ok());
  ASSERT_TRUE(WriteFileAtomically("/d/file", contents, files).ok());
}

// Longer than some blocks, so that a torn file is neither.
const std::string& Old() {
  static const auto& old = *new std::string(1300, 'o');
  return old;
}
const std::string& New() {
  static const auto& fresh = *new std::string(1700, 'n');
  return fresh;
}

void ExpectOldOrNew(const FakeFileSystem& files, bool reported) {
  for (const Survivors survivors :
       {Survivors::kDurable, Survivors::kEverything, Survivors::kTornInOrder,
        Survivors::kTorn}) {
    for (uint64_t seed = 0; seed < 50; ++seed) {
      const auto after = files.AfterCrash(survivors, seed);
      const auto contents = ReadAll(*after, "/d/file");
      ASSERT_TRUE(contents.ok()) << contents.status();
      EXPECT_TRUE(*contents == New() || (!reported && *contents == Old()));
    }
  }
}

TEST(AtomicFileTest, EveryCrashLeavesTheOldFileOrTheNew) {
  bool whole = false;
  for (int64_t calls = 0; !whole; ++calls) {
    SCOPED_TRACE(calls);
    FakeFileSystem files;
    PutOldFile(files, Old());
    files.StopAfter(files.changes() + calls);
    const absl::Status status = WriteFileAtomically("/d/file", New(), files);
    whole = status.ok();
    EXPECT_TRUE(whole || FakeFileSystem::IsStopped(status)) << status;
    ExpectOldOrNew(files, /*reported=*/whole);
  }
}

TEST(AtomicFileTest, EveryFailedCallIsReportedAndLeavesNoTemporaryFile) {
  for (const FileCall call :
       {FileCall::kCreateFile, FileCall::kAppend, FileCall::kSync,
        FileCall::kClose, FileCall::kRename, FileCall::kSyncDirectory}) {
    FakeFileSystem files;
    PutOldFile(files, Old());
    files.Fail({.call = call, .error = EIO});
    const absl::Status status = WriteFileAtomically("/d/file", New(), files);
    EXPECT_THAT(status.ToString(), ::testing::HasSubstr("/d"));
    EXPECT_THAT(status.ToString(), ::testing::HasSubstr("Input/output error"));
    EXPECT_THAT(*files.ListDirectory("/d"), ::testing::ElementsAre("file"));
    ExpectOldOrNew(files, /*reported=*/false);
  }
}

}  // namespace
}  // namespace cogdist
