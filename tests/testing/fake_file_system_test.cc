#include "tests/testing/fake_file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "runtime/check.h"

namespace cogdist::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

enum Syncs { kNoSync = 0, kSyncFile = 1, kSyncFolder = 2, kSyncBoth = 3 };

void Put(FakeFileSystem& fs, const std::string& path,
         absl::string_view contents, Syncs syncs = kNoSync) {
  auto file = fs.CreateFile(path);
  COG_CHECK_OK(file.status());
  COG_CHECK_OK((*file)->Append(contents));
  if (syncs & kSyncFile) COG_CHECK_OK((*file)->Sync());
  COG_CHECK_OK((*file)->Close());
  if (syncs & kSyncFolder)
    COG_CHECK_OK(fs.SyncDirectory(ParentDirectory(path)));
}

std::string Get(FakeFileSystem& fs, absl::string_view path) {
  return ReadAll(fs, path).value_or("none");
}

// The paths below `folder`, with a space between, after a crash.
std::string Tree(FileSystem& fs, const std::string& folder = "") {
  std::vector<std::string> paths;
  const auto names = fs.ListDirectory(folder);
  for (const std::string& name : *names) {
    const std::string path = absl::StrCat(folder, "/", name);
    paths.push_back(path);
    if (!fs.ListDirectory(path).ok()) continue;
    if (const std::string below = Tree(fs, path); !below.empty()) {
      paths.push_back(below);
    }
  }
  return absl::StrJoin(paths, " ");
}

std::string TreeAfter(const FakeFileSystem& fs, Survivors survivors,
                      uint64_t seed = 0) {
  return Tree(*fs.AfterCrash(survivors, seed));
}

// All that a crash can leave, by many seeds.
std::set<std::string> Trees(const FakeFileSystem& fs, Survivors survivors) {
  std::set<std::string> trees;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    trees.insert(TreeAfter(fs, survivors, seed));
  }
  return trees;
}

TEST(FakeFileSystemTest, ContentsAndNamesBecomeDurableSeparately) {
  for (const Syncs syncs : {kNoSync, kSyncFile, kSyncFolder, kSyncBoth}) {
    FakeFileSystem fs;
    Put(fs, "/f", "contents", syncs);
    EXPECT_EQ(Get(fs, "/f"), "contents");
    const auto durable = fs.AfterCrash(Survivors::kDurable);
    EXPECT_EQ(Get(*durable, "/f"), syncs == kSyncBoth     ? "contents"
                                   : syncs == kSyncFolder ? ""
                                                          : "none");
    EXPECT_EQ(Get(*fs.AfterCrash(Survivors::kEverything), "/f"), "contents");
  }
}

TEST(FakeFileSystemTest, WhatFollowsASyncIsNotDurable) {
  FakeFileSystem fs;
  auto file = *fs.CreateFile("/f");
  ASSERT_TRUE(fs.SyncDirectory("/").ok());
  ASSERT_TRUE(file->Append("synced").ok());
  ASSERT_TRUE(file->Sync().ok());
  ASSERT_TRUE(file->Append(" and not").ok());
  EXPECT_EQ(Get(*fs.AfterCrash(Survivors::kDurable), "/f"), "synced");
  EXPECT_EQ(Get(*fs.AfterCrash(Survivors::kEverything), "/f"),
            "synced and not");
  EXPECT_EQ(Get(fs, "/f"), "synced and not");  // this one did not crash
}

TEST(FakeFileSystemTest, RenamesAndRemovalsNeedTheirFolderSynced) {
  FakeFileSystem fs;
  Put(fs, "/a", "new", kSyncBoth);
  Put(fs, "/b", "old", kSyncBoth);
  Put(fs, "/c", "", kSyncBoth);
  ASSERT_TRUE(fs.Rename("/a", "/b").ok());
  ASSERT_TRUE(fs.RemoveFile("/c").ok());
  const auto before = fs.AfterCrash(Survivors::kDurable);
  EXPECT_EQ(Tree(*before), "/a /b /c");
  EXPECT_EQ(Get(*before, "/b"), "old");
  ASSERT_TRUE(fs.SyncDirectory("/").ok());
  const auto after = fs.AfterCrash(Survivors::kDurable);
  EXPECT_EQ(Tree(*after), "/b");
  EXPECT_EQ(Get(*after, "/b"), "new");
}

TEST(FakeFileSystemTest, AFolderIsThereOnceItsParentIsSynced) {
  FakeFileSystem fs;
  ASSERT_TRUE(fs.CreateDirectory("/d").ok());
  Put(fs, "/d/f", "x", kSyncBoth);
  EXPECT_EQ(TreeAfter(fs, Survivors::kDurable), "");
  ASSERT_TRUE(fs.SyncDirectory("/").ok());
  EXPECT_EQ(TreeAfter(fs, Survivors::kDurable), "/d /d/f");
}

TEST(FakeFileSystemTest, AFolderThatIsRenamedTooEarlyIsEmpty) {
  FakeFileSystem fs;
  ASSERT_TRUE(fs.CreateDirectory("/tmp").ok());
  Put(fs, "/tmp/f", "x", kSyncFile);
  ASSERT_TRUE(fs.RenameNoReplace("/tmp", "/final").ok());
  ASSERT_TRUE(fs.SyncDirectory("/").ok());
  EXPECT_EQ(TreeAfter(fs, Survivors::kDurable), "/final");
  ASSERT_TRUE(fs.SyncDirectory("/final").ok());
  EXPECT_EQ(TreeAfter(fs, Survivors::kDurable), "/final /final/f");
}

TEST(FakeFileSystemTest, TornNamesInOrderAreTheFirstOnes) {
  FakeFileSystem fs;
  for (const char* path : {"/a", "/b", "/c"}) Put(fs, path, "");
  EXPECT_THAT(Trees(fs, Survivors::kTornInOrder),
              UnorderedElementsAre("", "/a", "/a /b", "/a /b /c"));
  EXPECT_THAT(Trees(fs, Survivors::kTorn),
              UnorderedElementsAre("", "/a", "/b", "/c", "/a /b", "/a /c",
                                   "/b /c", "/a /b /c"));
}

TEST(FakeFileSystemTest, FoldersAreTornIndependently) {
  FakeFileSystem fs;
  ASSERT_TRUE(fs.CreateDirectory("/x").ok() && fs.CreateDirectory("/y").ok());
  ASSERT_TRUE(fs.SyncDirectory("/").ok());
  Put(fs, "/x/a", "");
  Put(fs, "/y/b", "");
  EXPECT_THAT(Trees(fs, Survivors::kTornInOrder),
              UnorderedElementsAre("/x /y", "/x /x/a /y", "/x /y /y/b",
                                   "/x /x/a /y /y/b"));
}

TEST(FakeFileSystemTest, ANameNeedsItsEarlierChanges) {
  FakeFileSystem fs;
  Put(fs, "/a", "");
  ASSERT_TRUE(fs.Rename("/a", "/b").ok());
  ASSERT_TRUE(fs.Rename("/b", "/c").ok());
  for (const Survivors torn : {Survivors::kTorn, Survivors::kTornInOrder}) {
    EXPECT_THAT(Trees(fs, torn), UnorderedElementsAre("", "/a", "/b", "/c"));
  }
}

TEST(FakeFileSystemTest, AMoveBetweenFoldersIsOneChange) {
  FakeFileSystem fs;
  ASSERT_TRUE(fs.CreateDirectory("/x").ok() && fs.CreateDirectory("/y").ok());
  Put(fs, "/x/f", "", kSyncBoth);
  ASSERT_TRUE(fs.SyncDirectory("/").ok());
  ASSERT_TRUE(fs.Rename("/x/f", "/y/f").ok());
  EXPECT_THAT(Trees(fs, Survivors::kTorn),
              UnorderedElementsAre("/x /x/f /y", "/x /y /y/f"));
  ASSERT_TRUE(fs.SyncDirectory("/x").ok());
  EXPECT_EQ(TreeAfter(fs, Survivors::kDurable), "/x /y /y/f");
}

// Three blocks, of which the first is synced: the others are there, zero or cut
// off.
TEST(FakeFileSystemTest, TornContentsAreBlocksZerosAndAnyLength) {
  constexpr size_t kBlock = FakeDisk::kBlockBytes;
  FakeFileSystem fs;
  auto file = *fs.CreateFile("/f");
  ASSERT_TRUE(fs.SyncDirectory("/").ok());
  ASSERT_TRUE(file->Append(std::string(kBlock, 'a')).ok());
  ASSERT_TRUE(file->Sync().ok());
  ASSERT_TRUE(file->Append(std::string(kBlock, 'b')).ok());
  ASSERT_TRUE(file->Append(std::string(100, 'c')).ok());
  std::set<std::string> kinds;  // the first bytes of the blocks, 0 for zeros
  std::set<size_t> lengths;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const std::string f = Get(*fs.AfterCrash(Survivors::kTorn, seed), "/f");
    lengths.insert(f.size());
    ASSERT_GE(f.size(), kBlock);
    ASSERT_LE(f.size(), 2 * kBlock + 100);
    std::string kind;
    for (size_t begin = 0; begin < f.size(); begin += kBlock) {
      const std::string block = f.substr(begin, kBlock);
      ASSERT_EQ(block, std::string(block.size(), block[0]));
      kind += block[0] == '\0' ? '0' : block[0];
    }
    kinds.insert(kind);
  }
  EXPECT_THAT(
      kinds, UnorderedElementsAre("a", "ab", "a0", "abc", "ab0", "a0c", "a00"));
  EXPECT_GT(lengths.size(), 50u);
}

TEST(FakeFileSystemTest, ASeedGivesTheSameCrash) {
  FakeFileSystem fs;
  for (int i = 0; i < 9; ++i) Put(fs, absl::StrCat("/", i), "");
  EXPECT_EQ(TreeAfter(fs, Survivors::kTorn, 7),
            TreeAfter(fs, Survivors::kTorn, 7));
}

TEST(FakeFileSystemTest, AFailedSyncLosesTheDataSilently) {
  FakeFileSystem fs;
  fs.Fail({.call = FileCall::kSync, .error = EIO, .path = "f"});
  auto file = *fs.CreateFile("/f");
  ASSERT_TRUE(fs.SyncDirectory("/").ok());
  ASSERT_TRUE(file->Append("abc").ok());
  const absl::Status failed = file->Sync();
  EXPECT_THAT(failed.ToString(), HasSubstr("cannot sync /f: Input/output"));
  EXPECT_EQ(file->Sync(), failed);
  EXPECT_EQ(file->Append("d"), failed);
  EXPECT_EQ(file->Close(), failed);
  EXPECT_EQ(Get(fs, "/f"), "abc");  // from the cache
  EXPECT_EQ(Get(*fs.AfterCrash(Survivors::kEverything), "/f"),
            std::string(3, '\0'));
  EXPECT_EQ(Get(*fs.AfterCrash(Survivors::kDurable), "/f"), "");
}

TEST(FakeFileSystemTest, ALaterSyncDoesNotBringLostBlocksBack) {
  FakeDisk disk;
  int file;
  ASSERT_EQ(disk.Create("/f", /*is_folder=*/false, &file), 0);
  ASSERT_EQ(disk.SyncFolder("/"), 0);
  disk.Append(file, std::string(512, 'a'));
  disk.LoseUnsynced(file);
  disk.Append(file, "b");
  disk.SyncFile(file);
  const FakeDisk after = disk.AfterCrash(Survivors::kDurable, 0);
  EXPECT_EQ(after.Contents(file), std::string(512, '\0') + "b");
}

TEST(FakeFileSystemTest, FaultsPickTheirCall) {
  FakeFileSystem fs;
  fs.Fail({.call = FileCall::kCreateFile,
           .error = EACCES,
           .path = "b",
           .skip = 1,
           .times = 2});
  std::string results;
  for (const char* path : {"/a1", "/b1", "/b2", "/a2", "/b3", "/b4"}) {
    results += fs.CreateFile(path).ok() ? "+" : "-";
  }
  EXPECT_EQ(results, "++-+-+");
  EXPECT_EQ(Tree(fs), "/a1 /a2 /b1 /b4");
  EXPECT_EQ(fs.calls(FileCall::kCreateFile), 6);
}

TEST(FakeFileSystemTest, AFailedAppendWritesAPart) {
  FakeFileSystem fs;
  fs.Fail({.call = FileCall::kAppend, .error = ENOSPC, .skip = 1});
  auto file = *fs.CreateFile("/f");
  ASSERT_TRUE(file->Append("12").ok());
  const absl::Status full = file->Append("3456");
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_EQ(file->Append("7"), full);
  EXPECT_EQ(Get(fs, "/f"), "1234");
}

TEST(FakeFileSystemTest, AFullDiskTakesWhatFits) {
  FakeFileSystem fs;
  fs.SetCapacity(10);
  Put(fs, "/a", "123456");
  auto file = *fs.CreateFile("/b");
  const absl::Status full = file->Append("123456");
  EXPECT_THAT(full.ToString(), HasSubstr("cannot write /b: No space left"));
  EXPECT_EQ(Get(fs, "/b"), "1234");
  ASSERT_TRUE(fs.RemoveFile("/b").ok());
  Put(fs, "/c", "1234");
  EXPECT_EQ(Get(fs, "/c"), "1234");
}

TEST(FakeFileSystemTest, StopsAfterEveryChange) {
  const auto work = [](FakeFileSystem& fs) -> absl::Status {
    absl::Status status = fs.CreateDirectory("/d");
    auto file = fs.CreateFile("/d/f");
    if (!file.ok()) return file.status();
    status.Update((*file)->Append("x"));
    status.Update((*file)->Sync());
    status.Update((*file)->Close());
    status.Update(fs.Exists("/d/f").status());
    status.Update(fs.Rename("/d/f", "/d/g"));
    return status;
  };
  const char* const left[] = {"",        "/d",      "/d /d/f", "/d /d/f",
                              "/d /d/f", "/d /d/f", "/d /d/g"};
  for (int64_t changes = 0; changes <= 6; ++changes) {
    FakeFileSystem fs;
    fs.StopAfter(changes);
    const absl::Status status = work(fs);
    EXPECT_EQ(FakeFileSystem::IsStopped(status), changes < 6) << status;
    EXPECT_TRUE(fs.stopped());
    EXPECT_EQ(fs.changes(), changes);
    EXPECT_TRUE(FakeFileSystem::IsStopped(fs.Exists("/d").status()));
    EXPECT_TRUE(FakeFileSystem::IsStopped(fs.ListDirectory("/").status()));
    EXPECT_EQ(TreeAfter(fs, Survivors::kEverything), left[changes]);
    EXPECT_EQ(TreeAfter(fs, Survivors::kDurable), "");
  }
}

TEST(FakeFileSystemTest, CountsCallsAndOpenFiles) {
  FakeFileSystem fs;
  {
    auto a = *fs.CreateFile("/a");
    auto b = *fs.CreateFile("/b");
    ASSERT_TRUE(a->Append("1").ok() && a->Append("2").ok() && a->Close().ok());
  }
  Put(fs, "/c", "3", kSyncBoth);
  EXPECT_EQ(Get(fs, "/a"), "12");
  EXPECT_EQ(fs.calls(FileCall::kCreateFile), 3);
  EXPECT_EQ(fs.calls(FileCall::kAppend), 3);
  EXPECT_EQ(fs.calls(FileCall::kSync), 1);
  EXPECT_EQ(fs.calls(FileCall::kSyncDirectory), 1);
  EXPECT_EQ(fs.calls(FileCall::kRead), 1);
  EXPECT_EQ(fs.calls(FileCall::kRename), 0);
  EXPECT_EQ(fs.changes(), 3 + 3 + 2 + 1 + 1);  // two were closed
  EXPECT_EQ(fs.most_open_files(), 2);
}

TEST(FakeFileSystemTest, AHookMakesTheDiskSlow) {
  FakeFileSystem fs;
  std::string appended;
  fs.SetHook([&](FileCall call, absl::string_view path) {
    if (call != FileCall::kAppend) return;
    absl::StrAppend(&appended, path);
    absl::SleepFor(absl::Milliseconds(20));
  });
  const absl::Time start = absl::Now();
  Put(fs, "/a", "");
  Put(fs, "/b", "");
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(40));
  EXPECT_EQ(appended, "/a/b");
}

TEST(FakeFileSystemTest, AHookHoldsOneWriterWhileAnotherGoesOn) {
  FakeFileSystem fs;
  Put(fs, "/a", "slow");
  fs.SetHook([&](FileCall call, absl::string_view path) {
    if (call != FileCall::kRenameNoReplace || path != "/final") return;
    fs.SetHook(nullptr);
    Put(fs, "/b", "fast");
    EXPECT_TRUE(fs.RenameNoReplace("/b", "/final").ok());
  });
  EXPECT_TRUE(absl::IsAlreadyExists(fs.RenameNoReplace("/a", "/final")));
  EXPECT_EQ(Get(fs, "/final"), "fast");
}

TEST(FakeFileSystemTest, ThreadsShareIt) {
  FakeFileSystem fs;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&fs, i] {
      Put(fs, absl::StrCat("/", i), std::string(1000, 'x'), kSyncBoth);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(*fs.AfterCrash(Survivors::kDurable)->ListDirectory("/"),
              ElementsAre("0", "1", "2", "3"));
}

TEST(FakeFileSystemTest, DamageIsDurableAndUnnoticed) {
  FakeFileSystem fs;
  Put(fs, "/f", "good", kSyncBoth);
  const int64_t changes = fs.changes();
  fs.Overwrite("/f", "bad");
  EXPECT_EQ(fs.changes(), changes);
  EXPECT_EQ(Get(fs, "/f"), "bad");
  EXPECT_EQ(Get(*fs.AfterCrash(Survivors::kDurable), "/f"), "bad");
}

}  // namespace
}  // namespace cogdist::testing
