// What FileSystem promises, of the real one and of the fake one that stands for
// it in tests.

#include "runtime/file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "runtime/posix_file_system.h"
#include "tests/temp_dir.h"
#include "tests/testing/fake_file_system.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FileSystemTest : public ::testing::TestWithParam<bool> {
 protected:
  FileSystemTest() : fs_(GetParam() ? PosixFileSystem() : fake_) {
    if (GetParam()) return;
    std::string path;
    for (const char c : dir_.path() + "/") {
      if (c == '/' && !path.empty()) fake_.CreateDirectory(path).IgnoreError();
      path += c;
    }
  }

  void Put(const std::string& path, absl::string_view contents) {
    auto file = fs_.CreateFile(path);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Append(contents).ok());
    ASSERT_TRUE((*file)->Close().ok());
  }
  std::string Get(const std::string& path) {
    return ReadAll(fs_, path).value_or("none");
  }

  const TempDir dir_;
  testing::FakeFileSystem fake_;
  FileSystem& fs_;
};

TEST_P(FileSystemTest, WritesInPiecesAndReadsRanges) {
  auto file = fs_.CreateFile(dir_ / "f");
  ASSERT_TRUE(file.ok()) << file.status();
  std::string expected;
  for (size_t size = 0; size < (3 << 20); size = 2 * size + 1) {
    const std::string piece(size, static_cast<char>('a' + size % 23));
    ASSERT_TRUE((*file)->Append(piece).ok());
    if (size == 1023) {
      ASSERT_TRUE((*file)->Sync().ok());
    }
    expected += piece;
  }
  ASSERT_TRUE((*file)->Sync().ok());
  ASSERT_TRUE((*file)->Close().ok());
  EXPECT_TRUE(Get(dir_ / "f") == expected);

  const auto reader = fs_.OpenFile(dir_ / "f");
  ASSERT_TRUE(reader.ok());
  const auto size = static_cast<int64_t>(expected.size());
  EXPECT_EQ((*reader)->size(), size);
  for (const int64_t offset : {int64_t{0}, int64_t{777}, size - 5, size}) {
    std::string range(static_cast<size_t>(std::min<int64_t>(5, size - offset)),
                      '?');
    ASSERT_TRUE((*reader)->Read(offset, absl::MakeSpan(range)).ok());
    EXPECT_EQ(range, expected.substr(static_cast<size_t>(offset), 5));
  }
}

TEST_P(FileSystemTest, AReadBeyondTheEndIsDataLoss) {
  Put(dir_ / "f", "12345");
  const auto reader = fs_.OpenFile(dir_ / "f");
  std::string range(4, '?');
  for (const int64_t offset : {2, 5, 9}) {
    const absl::Status status = (*reader)->Read(offset, absl::MakeSpan(range));
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(status.ToString(), HasSubstr(dir_ / "f"));
  }
}

TEST_P(FileSystemTest, AnOpenFileIsBoundToNoName) {
  Put(dir_ / "f", "first");
  const auto reader = fs_.OpenFile(dir_ / "f");
  ASSERT_TRUE(fs_.Rename(dir_ / "f", dir_ / "g").ok());
  Put(dir_ / "f", "other");
  ASSERT_TRUE(fs_.RemoveFile(dir_ / "g").ok());
  std::string contents(5, '?');
  ASSERT_TRUE((*reader)->Read(0, absl::MakeSpan(contents)).ok());
  EXPECT_EQ(contents, "first");
}

TEST_P(FileSystemTest, WhatIsMissingIsNotFound) {
  const std::string missing = dir_ / "missing", inside = dir_ / "missing/f";
  for (const absl::Status& status :
       {fs_.OpenFile(missing).status(), fs_.CreateFile(inside).status(),
        fs_.CreateDirectory(inside), fs_.ListDirectory(missing).status(),
        fs_.Rename(missing, dir_ / "f"),
        fs_.RenameNoReplace(missing, dir_ / "f"), fs_.RemoveFile(missing),
        fs_.RemoveDirectory(missing), fs_.SyncDirectory(missing)}) {
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_THAT(status.ToString(), HasSubstr("cannot "));
    EXPECT_THAT(status.ToString(), HasSubstr(dir_.path()));
    EXPECT_THAT(status.ToString(), HasSubstr("No such file or directory"));
  }
  EXPECT_FALSE(*fs_.Exists(missing));
  EXPECT_FALSE(*fs_.Exists(inside));
}

TEST_P(FileSystemTest, FilesAndFoldersAreToldApart) {
  Put(dir_ / "f", "x");
  ASSERT_TRUE(fs_.CreateDirectory(dir_ / "d").ok());
  EXPECT_TRUE(*fs_.Exists(dir_ / "f"));
  EXPECT_TRUE(*fs_.Exists(dir_ / "d"));
  EXPECT_FALSE(*fs_.Exists(dir_ / "f/x"));
  EXPECT_TRUE(absl::IsInvalidArgument(fs_.OpenFile(dir_ / "d").status()));
  EXPECT_FALSE(fs_.RemoveFile(dir_ / "d").ok());
  EXPECT_FALSE(fs_.RemoveDirectory(dir_ / "f").ok());
  EXPECT_FALSE(fs_.ListDirectory(dir_ / "f").ok());
  EXPECT_FALSE(fs_.SyncDirectory(dir_ / "f").ok());
  EXPECT_FALSE(fs_.CreateFile(dir_ / "f/x").ok());
  EXPECT_FALSE(fs_.Rename(dir_ / "f", dir_ / "d").ok());
  EXPECT_FALSE(fs_.Rename(dir_ / "d", dir_ / "f").ok());
  EXPECT_THAT(*fs_.ListDirectory(dir_.path()), ElementsAre("d", "f"));
}

TEST_P(FileSystemTest, NamesAreTakenOnce) {
  Put(dir_ / "f", "x");
  ASSERT_TRUE(fs_.CreateDirectory(dir_ / "d").ok());
  for (const char* name : {"f", "d"}) {
    const absl::Status file = fs_.CreateFile(dir_ / name).status();
    EXPECT_TRUE(absl::IsAlreadyExists(file)) << file;
    const absl::Status folder = fs_.CreateDirectory(dir_ / name);
    EXPECT_TRUE(absl::IsAlreadyExists(folder)) << folder;
  }
  EXPECT_EQ(Get(dir_ / "f"), "x");
}

TEST_P(FileSystemTest, RenameReplacesFilesAndEmptyFolders) {
  Put(dir_ / "a", "a");
  Put(dir_ / "b", "b");
  ASSERT_TRUE(fs_.Rename(dir_ / "a", dir_ / "b").ok());
  EXPECT_EQ(Get(dir_ / "b"), "a");
  EXPECT_TRUE(fs_.Rename(dir_ / "b", dir_ / "b").ok());
  ASSERT_TRUE(fs_.CreateDirectory(dir_ / "c").ok());
  ASSERT_TRUE(fs_.CreateDirectory(dir_ / "d").ok());
  ASSERT_TRUE(fs_.Rename(dir_ / "b", dir_ / "c/b").ok());
  ASSERT_TRUE(fs_.Rename(dir_ / "c", dir_ / "d").ok());
  EXPECT_EQ(Get(dir_ / "d/b"), "a");
  EXPECT_FALSE(fs_.Rename(dir_ / "d", dir_ / "d/e").ok());
  ASSERT_TRUE(fs_.CreateDirectory(dir_ / "e").ok());
  EXPECT_FALSE(fs_.Rename(dir_ / "e", dir_ / "d").ok());
  EXPECT_THAT(*fs_.ListDirectory(dir_.path()), ElementsAre("d", "e"));
}

TEST_P(FileSystemTest, RenameNoReplaceTakesOnlyFreeNames) {
  Put(dir_ / "a", "a");
  Put(dir_ / "b", "b");
  for (const char* name : {"c", "empty"}) {
    ASSERT_TRUE(fs_.CreateDirectory(dir_ / name).ok());
  }
  for (const char* from : {"a", "c"}) {
    for (const char* to : {"b", "empty"}) {
      const absl::Status taken = fs_.RenameNoReplace(dir_ / from, dir_ / to);
      EXPECT_TRUE(absl::IsAlreadyExists(taken)) << taken;
      EXPECT_THAT(taken.ToString(), HasSubstr(dir_ / from));
      EXPECT_THAT(taken.ToString(), HasSubstr(dir_ / to));
    }
  }
  EXPECT_TRUE(fs_.RenameNoReplace(dir_ / "a", dir_ / "x").ok());
  EXPECT_TRUE(fs_.RenameNoReplace(dir_ / "c", dir_ / "y").ok());
  EXPECT_FALSE(fs_.RenameNoReplace(dir_ / "y", dir_ / "y/z").ok());
  EXPECT_THAT(*fs_.ListDirectory(dir_.path()),
              ElementsAre("b", "empty", "x", "y"));
  EXPECT_EQ(Get(dir_ / "b") + Get(dir_ / "x"), "ba");
}

TEST_P(FileSystemTest, OfManyThreadsOneGetsTheName) {
  std::atomic<int> created = 0, made = 0, renamed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const std::string own = dir_ / absl::StrCat("own", i);
      created += fs_.CreateFile(dir_ / "file").ok();
      made += fs_.CreateDirectory(dir_ / "folder").ok();
      fs_.CreateDirectory(own).IgnoreError();
      renamed += fs_.RenameNoReplace(own, dir_ / "renamed").ok();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(created, 1);
  EXPECT_EQ(made, 1);
  EXPECT_EQ(renamed, 1);
}

TEST_P(FileSystemTest, RemovesAFolderWithItsFiles) {
  ASSERT_TRUE(fs_.CreateDirectory(dir_ / "d").ok());
  Put(dir_ / "d/a", "a");
  Put(dir_ / "d/b", "b");
  const absl::Status full = fs_.RemoveDirectory(dir_ / "d");
  EXPECT_THAT(full.ToString(), HasSubstr("not empty"));
  EXPECT_TRUE(RemoveDirectoryAndFiles(fs_, dir_ / "d").ok());
  EXPECT_TRUE(RemoveDirectoryAndFiles(fs_, dir_ / "d").ok());  // again: gone
  EXPECT_THAT(*fs_.ListDirectory(dir_.path()), IsEmpty());
  ASSERT_TRUE(fs_.CreateDirectory(dir_ / "d").ok());
  ASSERT_TRUE(fs_.CreateDirectory(dir_ / "d/d").ok());
  EXPECT_FALSE(RemoveDirectoryAndFiles(fs_, dir_ / "d").ok());
}

TEST_P(FileSystemTest, SyncsFolders) {
  Put(dir_ / "f", "x");
  EXPECT_TRUE(fs_.SyncDirectory(dir_.path()).ok());
  EXPECT_TRUE(fs_.SyncDirectory("/").ok());
}

INSTANTIATE_TEST_SUITE_P(Both, FileSystemTest, ::testing::Values(true, false),
                         [](const auto& info) {
                           return info.param ? "Posix" : "Fake";
                         });

TEST(ParentDirectoryTest, IsThePathWithoutItsLastName) {
  EXPECT_EQ(ParentDirectory("a/b/c"), "a/b");
  EXPECT_EQ(ParentDirectory("a/b/"), "a");
  EXPECT_EQ(ParentDirectory("/a"), "/");
  EXPECT_EQ(ParentDirectory("/"), "/");
  EXPECT_EQ(ParentDirectory("a"), ".");
}

}  // namespace
}  // namespace cogdist
