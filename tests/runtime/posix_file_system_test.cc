#include "runtime/posix_file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// No file may grow beyond `bytes` while this lives: write(2) then writes what
// fits, and fails the next time.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, handler_);
  }

 private:
  const sighandler_t handler_;
  rlimit before_;
};

TEST(PosixFileSystemTest, AShortWriteIsFollowedByItsError) {
  const TempDir dir;
  auto file = PosixFileSystem().CreateFile(dir / "f");
  ASSERT_TRUE(file.ok());
  absl::Status appended, synced, closed;
  {
    const FileSizeLimit limit(1'500'000);
    appended = (*file)->Append(std::string(3'000'000, 'x'));
    synced = (*file)->Sync();
  }
  closed = (*file)->Close();  // the limit is gone, the error stays
  EXPECT_THAT(appended.ToString(), HasSubstr("cannot write " + (dir / "f")));
  EXPECT_THAT(appended.ToString(), HasSubstr("File too large"));
  EXPECT_EQ(synced, appended);
  EXPECT_EQ(closed, appended);
  EXPECT_EQ(std::filesystem::file_size(dir / "f"), 1'500'000);
}

TEST(PosixFileSystemTest, BufferedBytesFailAtSyncOrClose) {
  const TempDir dir;
  for (const bool sync : {true, false}) {
    const std::string path = dir / (sync ? "s" : "c");
    auto file = PosixFileSystem().CreateFile(path);
    ASSERT_TRUE((*file)->Append("small").ok());
    const FileSizeLimit limit(2);
    const absl::Status status = sync ? (*file)->Sync() : (*file)->Close();
    EXPECT_THAT(status.ToString(), HasSubstr("File too large"));
    EXPECT_THAT(status.ToString(), HasSubstr(path));
  }
}

// What a full disk says, on a thread with mounts of its own; an empty status if
// this process may not mount.
absl::Status WriteToFullDisk(const std::string& folder) {
  if (unshare(CLONE_NEWNS) != 0 ||
      mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("none", folder.c_str(), "tmpfs", 0, "size=64k") != 0) {
    return absl::OkStatus();
  }
  auto file = PosixFileSystem().CreateFile(folder + "/f");
  if (!file.ok()) return file.status();
  EXPECT_TRUE((*file)->Append(std::string(100'000, 'x')).ok());  // buffered
  const absl::Status status = (*file)->Sync();
  EXPECT_EQ((*file)->Close(), status);
  EXPECT_EQ(std::filesystem::file_size(folder + "/f"), 65536);
  EXPECT_TRUE(PosixFileSystem().RemoveFile(folder + "/f").ok());
  umount(folder.c_str());
  return status;
}

TEST(PosixFileSystemTest, AFullDiskIsResourceExhausted) {
  const TempDir dir;
  absl::Status status;
  std::thread([&] { status = WriteToFullDisk(dir.path()); }).join();
  if (status.ok()) GTEST_SKIP() << "this process may not mount a tmpfs";
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr(dir / "f"));
  EXPECT_THAT(status.ToString(), HasSubstr("No space left on device"));
}

TEST(PosixFileSystemTest, AReadOnlyFolderIsPermissionDenied) {
  const TempDir dir;
  const std::string folder = dir / "d";
  ASSERT_TRUE(PosixFileSystem().CreateDirectory(folder).ok());
  { auto file = PosixFileSystem().CreateFile(folder + "/f"); }
  chmod(dir.path().c_str(), 0755);
  chmod(folder.c_str(), 0555);
  std::vector<absl::Status> results;
  std::thread([&] {
    if (geteuid() == 0) setfsuid(65534);  // permissions do not bind root
    FileSystem& fs = PosixFileSystem();
    results = {fs.CreateFile(folder + "/g").status(),
               fs.CreateDirectory(folder + "/g"), fs.RemoveFile(folder + "/f"),
               fs.Rename(folder + "/f", folder + "/g"),
               fs.RenameNoReplace(folder + "/f", folder + "/g")};
    EXPECT_TRUE(*fs.Exists(folder + "/f"));
  }).join();
  for (const absl::Status& status : results) {
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
    EXPECT_THAT(status.ToString(), HasSubstr(folder));
  }
  chmod(folder.c_str(), 0755);
  EXPECT_THAT(*PosixFileSystem().ListDirectory(folder), ElementsAre("f"));
}

TEST(PosixFileSystemTest, ExistsSaysWhenItCannotTell) {
  const absl::StatusOr<bool> exists =
      PosixFileSystem().Exists("/tmp/" + std::string(5000, 'x'));
  EXPECT_THAT(exists.status().ToString(), HasSubstr("too long"));
}

TEST(PosixFileSystemTest, RenamesByHandWithoutReplacing) {
  const TempDir dir;
  FileSystem& fs = PosixFileSystem();
  ASSERT_TRUE(fs.CreateDirectory(dir / "full").ok());
  for (const char* name : {"a", "b", "full/f"}) {
    ASSERT_TRUE(fs.CreateFile(dir / name).ok());
  }
  ASSERT_TRUE(fs.CreateDirectory(dir / "empty").ok());
  ASSERT_TRUE(fs.CreateDirectory(dir / "d").ok());
  for (const char* from : {"a", "d"}) {
    for (const char* to : {"b", "empty", "full"}) {
      const absl::Status taken = RenameNoReplaceByHand(dir / from, dir / to);
      EXPECT_TRUE(absl::IsAlreadyExists(taken)) << taken;
    }
  }
  EXPECT_TRUE(absl::IsNotFound(RenameNoReplaceByHand(dir / "x", dir / "y")));
  EXPECT_TRUE(RenameNoReplaceByHand(dir / "a", dir / "x").ok());
  EXPECT_TRUE(RenameNoReplaceByHand(dir / "d", dir / "y").ok());
  EXPECT_FALSE(RenameNoReplaceByHand(dir / "y", dir / "y/z").ok());
  EXPECT_THAT(*fs.ListDirectory(dir.path()),
              ElementsAre("b", "empty", "full", "x", "y"));
}

TEST(PosixFileSystemTest, AnUnclosedFileIsNotWholeButThere) {
  const TempDir dir;
  {
    auto file = PosixFileSystem().CreateFile(dir / "f");
    ASSERT_TRUE((*file)->Append("x").ok());
  }
  EXPECT_TRUE(*PosixFileSystem().Exists(dir / "f"));
}

TEST(PosixFileSystemDeathTest, AClosedFileIsNotWritten) {
  const TempDir dir;
  auto file = PosixFileSystem().CreateFile(dir / "f");
  ASSERT_TRUE((*file)->Close().ok());
  EXPECT_DEATH((*file)->Append("x").IgnoreError(), "append after close");
}

}  // namespace
}  // namespace cogdist
