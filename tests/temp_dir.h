// A folder for one test, removed with everything in it at the end of its scope.

#ifndef COGDIST_TESTS_TEMP_DIR_H_
#define COGDIST_TESTS_TEMP_DIR_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace cogdist {

class TempDir {
 public:
  TempDir() : path_(absl::StrCat(::testing::TempDir(), "cogdist_XXXXXX")) {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // The path of a file or folder in it.
  std::string operator/(absl::string_view name) const {
    return absl::StrCat(path_, "/", name);
  }

 private:
  std::string path_;
};

}  // namespace cogdist

#endif  // COGDIST_TESTS_TEMP_DIR_H_
