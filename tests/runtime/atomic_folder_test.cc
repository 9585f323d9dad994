#include "runtime/atomic_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/file.h"
#include "runtime/status_macros.h"
#include "tests/testing/fake_file_system.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;
using testing::FakeFileSystem;
using ::testing::HasSubstr;
using testing::Survivors;

void MakeParent(FakeFileSystem& files) {
  ASSERT_TRUE(files.CreateDirectory("/d").ok());
  ASSERT_TRUE(files.SyncDirectory("/").ok());
}

absl::Status WriteFolder(FakeFileSystem& files) {
  COG_ASSIGN_OR_RETURN(AtomicFolder folder,
                       AtomicFolder::Create("/d/folder", files));
  for (const char* const name : {"a", "b"}) {
    COG_RETURN_IF_ERROR(
        WriteFileAtomically(folder.path() + "/" + name, name, files));
  }
  AtomicFolder moved = std::move(folder);
  return moved.Commit();
}

TEST(AtomicFolderTest, AppearsWithItsFiles) {
  FakeFileSystem files;
  MakeParent(files);
  ASSERT_TRUE(WriteFolder(files).ok());
  EXPECT_THAT(*files.ListDirectory("/d"), ElementsAre("folder"));
  EXPECT_THAT(*files.ListDirectory("/d/folder"), ElementsAre("a", "b"));
}

TEST(AtomicFolderTest, RefusesANameThatIsTaken) {
  FakeFileSystem files;
  MakeParent(files);
  ASSERT_TRUE(WriteFolder(files).ok());
  const absl::Status again = WriteFolder(files);
  EXPECT_EQ(again.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(again.message(), HasSubstr("/d/folder: exists already; choose"));
}

TEST(AtomicFolderTest, NothingIsLeftWithoutCommit) {
  FakeFileSystem files;
  MakeParent(files);
  {
    absl::StatusOr<AtomicFolder> folder =
        AtomicFolder::Create("/d/folder", files);
    ASSERT_TRUE(WriteFileAtomically(folder->path() + "/a", "a", files).ok());
  }
  EXPECT_TRUE(files.ListDirectory("/d")->empty());
}

TEST(AtomicFolderTest, IsWholeOrNotThereAfterACrashAtAnyCall) {
  FakeFileSystem dry;
  MakeParent(dry);
  const int64_t before = dry.changes();
  ASSERT_TRUE(WriteFolder(dry).ok());
  for (int64_t n = before; n <= dry.changes(); ++n) {
    for (const Survivors survivors :
         {Survivors::kDurable, Survivors::kEverything, Survivors::kTorn}) {
      FakeFileSystem files;
      MakeParent(files);
      files.StopAfter(n);
      const bool done = WriteFolder(files).ok();
      const auto disk = files.AfterCrash(survivors, /*seed=*/n);
      const bool there = *disk->Exists("/d/folder");
      EXPECT_GE(there, done);
      if (!there) continue;
      for (const char* const name : {"a", "b"}) {
        EXPECT_EQ(*ReadAll(*disk, std::string("/d/folder/") + name), name);
      }
    }
  }
}

}  // namespace
}  // namespace cogdist
