// The one-way rule between folders (docs/architecture.md), read off the
// #include lines:
//   runtime < kernels < parallel < models < launcher
// A folder includes itself and what stands to its left; proto is visible from
// parallel rightwards; device folders do not know each other; a vendor's
// headers stay inside the files that wrap the vendor.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Path from the repository's root -> contents.
using Sources = std::map<std::string, std::string>;

constexpr absl::string_view kFolders[] = {"runtime", "kernels", "parallel",
                                          "models", "launcher"};
constexpr absl::string_view kDeviceFolders[] = {"/cpu/", "/cuda/", "/meta/"};

// Headers that start with `header` belong into paths that start with one of
// `paths`; `ending` limits them to sources or leaves all files (empty). The
// first rule that fits a header counts.
struct VendorRule {
  absl::string_view header;
  std::vector<absl::string_view> paths;
  absl::string_view ending;
};

const std::vector<VendorRule>& VendorRules() {
  static const auto& rules = *new std::vector<VendorRule>{
      {"mpi.h", {"parallel/mpi_", "parallel/bootstrap"}, ".cc"},
      {"nccl", {"parallel/cuda/"}, ""},
      {"nvtx", {"runtime/cuda/"}, ""},
      {"cuda", {"runtime/cuda/", "kernels/cuda/", "parallel/cuda/"}, ""},
      {"cublas", {"kernels/cuda/"}, ""},
      {"dnnl", {"kernels/cpu/"}, ""},
      {"oneapi/", {"kernels/cpu/"}, ""},
      {"hwy/", {"kernels/cpu/"}, ""},
      {"pcre2", {"runtime/data/"}, ".cc"},
      {"unicode/", {"runtime/data/"}, ".cc"},
      {"isa-l", {"runtime/"}, ".cc"},
      {"nlohmann/json_fwd.hpp", {""}, ""},
      {"nlohmann/", {""}, ".cc"},
      {"google/protobuf/", {"parallel/", "models/", "launcher/"}, ""},
  };
  return rules;
}

// The names between quotes or angle brackets.
std::vector<std::string> Includes(absl::string_view text) {
  std::vector<std::string> names;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, "#include ")) continue;
    const std::vector<absl::string_view> parts =
        absl::StrSplit(line, absl::ByAnyChar("\"<>"));
    if (parts.size() >= 2) names.emplace_back(parts[1]);
  }
  return names;
}

std::string TopFolder(absl::string_view path) {
  return std::string(path.substr(0, path.find('/')));
}

// Position in kFolders; -1 for anything else.
int Rank(absl::string_view path) {
  const auto* found = std::find(std::begin(kFolders), std::end(kFolders),
                                absl::string_view(TopFolder(path)));
  return found == std::end(kFolders) ? -1 : found - std::begin(kFolders);
}

bool MayIncludeFolder(absl::string_view file, absl::string_view include) {
  const int from = Rank(file);
  if (absl::StartsWith(include, "tests/")) return false;
  if (absl::StartsWith(include, "proto/")) return from >= Rank("parallel/");
  const int to = Rank(include);
  return to < 0 || to <= from;
}

bool SameDevice(absl::string_view file, absl::string_view include) {
  for (absl::string_view mine : kDeviceFolders) {
    if (!absl::StrContains(file, mine)) continue;
    for (absl::string_view other : kDeviceFolders) {
      if (other != mine && absl::StrContains(include, other)) return false;
    }
  }
  return true;
}

bool MayIncludeVendor(absl::string_view file, absl::string_view include) {
  for (const VendorRule& rule : VendorRules()) {
    if (!absl::StartsWith(include, rule.header)) continue;
    if (!absl::EndsWith(file, rule.ending)) return false;
    return std::any_of(
        rule.paths.begin(), rule.paths.end(),
        [file](absl::string_view p) { return absl::StartsWith(file, p); });
  }
  return true;
}

// Folders beside each other that include each other, as "a <-> b".
std::vector<std::string> SiblingCycles(const Sources& sources) {
  const auto folder = [](absl::string_view path) {
    const size_t slash = path.rfind('/');
    return std::string(path.substr(0, slash == path.npos ? 0 : slash));
  };
  std::set<std::pair<std::string, std::string>> edges;
  for (const auto& [file, text] : sources) {
    for (const std::string& include : Includes(text)) {
      if (Rank(include) < 0 || folder(include) == folder(file)) continue;
      if (folder(folder(include)) == folder(folder(file))) {
        edges.emplace(folder(file), folder(include));
      }
    }
  }
  std::vector<std::string> cycles;
  for (const auto& [from, to] : edges) {
    if (from < to && edges.count({to, from}) > 0) {
      cycles.push_back(absl::StrCat(from, " <-> ", to));
    }
  }
  return cycles;
}

// One line for each include that breaks a rule.
std::vector<std::string> Violations(const Sources& sources) {
  std::vector<std::string> found;
  for (const auto& [file, text] : sources) {
    for (const std::string& include : Includes(text)) {
      const char* const rule =
          !MayIncludeFolder(file, include)   ? "a folder to its right"
          : !SameDevice(file, include)       ? "another device's folder"
          : !MayIncludeVendor(file, include) ? "a vendor's private header"
                                             : nullptr;
      if (rule != nullptr) {
        found.push_back(absl::StrCat(file, " includes ", include, ": ", rule));
      }
    }
  }
  return found;
}

Sources ReadRepository() {
  Sources sources;
  for (absl::string_view folder : kFolders) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::string(folder))) {
      const std::string ending = entry.path().extension().string();
      if (ending != ".h" && ending != ".cc" && ending != ".cu" &&
          ending != ".cuh") {
        continue;
      }
      std::stringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      sources[entry.path().string()] = text.str();
    }
  }
  return sources;
}

TEST(LayeringTest, RepositoryKeepsTheRules) {
  const Sources sources = ReadRepository();
  ASSERT_GT(sources.size(), 30u);
  EXPECT_THAT(Violations(sources), IsEmpty());
  EXPECT_THAT(SiblingCycles(sources), IsEmpty());
}

TEST(LayeringTest, FolderMayIncludeItselfAndItsLeft) {
  EXPECT_THAT(Violations({{"models/a.cc",
                           "#include \"models/a.h\"\n"
                           "#include \"kernels/b.h\"\n"
                           "#include \"proto/run_config.pb.h\"\n"
                           "#include <vector>\n"}}),
              IsEmpty());
}

TEST(LayeringTest, FindsAnIncludeToTheRight) {
  EXPECT_THAT(
      Violations({{"runtime/a.h", "#pragma once\n#include \"kernels/b.h\"\n"}}),
      ElementsAre(HasSubstr("runtime/a.h includes kernels/b.h")));
}

TEST(LayeringTest, ProtoIsInvisibleBeforeParallel) {
  EXPECT_EQ(
      Violations({{"kernels/a.h", "#include \"proto/run_config.pb.h\"\n"}})
          .size(),
      1u);
}

TEST(LayeringTest, SourcesDoNotIncludeTests) {
  EXPECT_EQ(Violations({{"launcher/a.cc", "#include \"tests/b.h\"\n"}}).size(),
            1u);
}

TEST(LayeringTest, DevicesDoNotKnowEachOther) {
  EXPECT_EQ(
      Violations(
          {{"kernels/cpu/a.cc", "#include \"runtime/cuda/cuda_stream.h\"\n"},
           {"kernels/cuda/b.cc", "#include \"kernels/cpu/matmul.h\"\n"}})
          .size(),
      2u);
}

TEST(LayeringTest, VendorHeadersAreContained) {
  EXPECT_THAT(
      Violations({{"kernels/cpu/matmul.cc", "#include <dnnl.hpp>\n"},
                  {"parallel/mpi_communicator.cc", "#include <mpi.h>\n"}}),
      IsEmpty());
  EXPECT_EQ(Violations({{"kernels/matmul.cc", "#include <dnnl.hpp>\n"},
                        {"launcher/main.cc", "#include <mpi.h>\n"},
                        {"parallel/mpi_communicator.h", "#include <mpi.h>\n"}})
                .size(),
            3u);
}

TEST(LayeringTest, FindsSiblingCycles) {
  EXPECT_THAT(
      SiblingCycles({{"runtime/a/x.h", "#include \"runtime/b/y.h\"\n"},
                     {"runtime/b/z.h", "#include \"runtime/a/x.h\"\n"}}),
      ElementsAre("runtime/a <-> runtime/b"));
  EXPECT_THAT(SiblingCycles({{"runtime/x.h", "#include \"runtime/a/y.h\"\n"},
                             {"runtime/a/y.h", "#include \"runtime/z.h\"\n"}}),
              IsEmpty());
}

}  // namespace
}  // namespace cogdist
