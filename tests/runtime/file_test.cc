#include "runtime/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "runtime/crc32c.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using ::testing::HasSubstr;

int CountEntries(const std::string& folder) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    count += entry.exists();
  }
  return count;
}

TEST(FileTest, WritesAndReads) {
  const TempDir dir;
  for (const size_t size : {0, 1, 4095, 4096, 4097, 3 << 20}) {
    std::string contents(size, 'x');
    for (size_t i = 0; i < size; ++i) contents[i] = static_cast<char>(i * 7);
    ASSERT_TRUE(WriteFileAtomically(dir / "file", contents).ok());
    EXPECT_EQ(*ReadFile(dir / "file"), contents);
    const absl::StatusOr<MappedFile> mapped = MappedFile::Open(dir / "file");
    ASSERT_TRUE(mapped.ok());
    EXPECT_EQ(mapped->contents(), contents);
    mapped->Prefetch(0, mapped->size());
    mapped->Release(0, mapped->size());
    mapped->Release(mapped->size() / 3, mapped->size() / 2);
    EXPECT_EQ(mapped->contents(), contents);
  }
  EXPECT_EQ(CountEntries(dir.path()), 1);  // no temporary file stays
}

TEST(FileTest, ReadsFilesThatReportNoSize) {
  const absl::StatusOr<std::string> contents = ReadFile("/proc/self/status");
  ASSERT_TRUE(contents.ok());
  EXPECT_THAT(*contents, HasSubstr("Pid:"));
}

TEST(FileTest, ErrorsNameThePath) {
  const TempDir dir;
  const absl::Status missing = ReadFile(dir / "missing").status();
  EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
  EXPECT_THAT(missing.ToString(), HasSubstr(dir / "missing"));
  EXPECT_THAT(missing.ToString(), HasSubstr("No such file"));
  EXPECT_TRUE(absl::IsNotFound(MappedFile::Open(dir / "missing").status()));
  EXPECT_TRUE(absl::IsNotFound(WriteFileAtomically(dir / "no/file", "")));
  const absl::Status folder = ReadFile(dir.path()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(folder)) << folder;
  EXPECT_FALSE(MappedFile::Open(dir.path()).ok());
}

TEST(FileTest, CreatesDirectories) {
  const TempDir dir;
  EXPECT_TRUE(CreateDirectories(dir / "a/b/c").ok());
  EXPECT_TRUE(CreateDirectories(dir / "a/b/c").ok());
  EXPECT_TRUE(FileExists(dir / "a/b/c"));
  ASSERT_TRUE(WriteFileAtomically(dir / "a/file", "").ok());
  const absl::Status blocked = CreateDirectories(dir / "a/file/d");
  EXPECT_THAT(blocked.ToString(), HasSubstr("a/file/d"));
  EXPECT_FALSE(FileExists(dir / "a/file/d"));
}

// Vectors of RFC 3720, appendix B.4, and the usual check value.
TEST(Crc32cTest, KnownValues) {
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
}

TEST(Crc32cTest, ExtendsByPieces) {
  const std::string text = "The quick brown fox jumps over the lazy dog";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    const uint32_t head = Crc32c(text.substr(0, cut));
    EXPECT_EQ(ExtendCrc32c(head, text.substr(cut)), Crc32c(text));
  }
}

}  // namespace
}  // namespace cogdist
