#include "launcher/append_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include "runtime/file.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using ::testing::HasSubstr;

// While it lives, files of this process cannot grow beyond `bytes`: the write
// that crosses the limit is cut there, as on a disk that becomes full.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &previous_);
    const rlimit limit = {bytes, previous_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &previous_);
    signal(SIGXFSZ, handler_);
  }

 private:
  sighandler_t handler_;
  rlimit previous_;
};

TEST(AppendFileTest, AppendsAcrossOpenings) {
  const TempDir dir;
  for (const char* record : {"one\n", "two\n", "three\n"}) {
    absl::StatusOr<AppendFile> file = AppendFile::Open(dir / "file");
    ASSERT_TRUE(file.ok());
    EXPECT_TRUE(file->Append(record).ok());
  }
  EXPECT_EQ(*ReadFile(dir / "file"), "one\ntwo\nthree\n");
}

TEST(AppendFileTest, TailIsTheEndOfTheFile) {
  const TempDir dir;
  absl::StatusOr<AppendFile> file = AppendFile::Open(dir / "file");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(*file->Tail(10), "");
  ASSERT_TRUE(file->Append("abcdef").ok());
  EXPECT_EQ(*file->Tail(0), "");
  EXPECT_EQ(*file->Tail(2), "ef");
  EXPECT_EQ(*file->Tail(6), "abcdef");
  EXPECT_EQ(*file->Tail(7), "abcdef");
}

TEST(AppendFileTest, CutsOnlyATornLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"torn", ""},
      {"whole\n", "whole\n"},
      {"a\nb\n", "a\nb\n"},
      {"whole\nto", "whole\n"},
      {"\n", "\n"},
  };
  for (const auto& [before, after] : cases) {
    const TempDir dir;
    ASSERT_TRUE(WriteFileAtomically(dir / "file", before).ok());
    absl::StatusOr<AppendFile> file = AppendFile::Open(dir / "file");
    ASSERT_TRUE(file.ok());
    EXPECT_TRUE(file->CutTornLine().ok());
    EXPECT_EQ(*ReadFile(dir / "file"), after);
    EXPECT_TRUE(file->Append("next\n").ok());
    EXPECT_EQ(*ReadFile(dir / "file"), std::string(after) + "next\n");
  }
}

TEST(AppendFileTest, AFullDiskLeavesNoPartOfARecord) {
  const TempDir dir;
  absl::StatusOr<AppendFile> file = AppendFile::Open(dir / "file");
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->Append("12345\n").ok());
  {
    const FileSizeLimit limit(8);
    const absl::Status cut = file->Append("67890\n");
    EXPECT_EQ(cut.code(), absl::StatusCode::kResourceExhausted) << cut;
    EXPECT_THAT(std::string(cut.message()), HasSubstr(dir / "file"));
    EXPECT_EQ(*ReadFile(dir / "file"), "12345\n");
  }
  {
    const FileSizeLimit limit(6);
    EXPECT_FALSE(file->Append("67890\n").ok());
  }
  EXPECT_TRUE(file->Append("abc\n").ok());
  EXPECT_EQ(*ReadFile(dir / "file"), "12345\nabc\n");
}

TEST(AppendFileTest, ErrorsNameThePath) {
  const TempDir dir;
  const absl::Status status = AppendFile::Open(dir / "no/file").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr(dir / "no/file"));
}

}  // namespace
}  // namespace cogdist
