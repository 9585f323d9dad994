// What nvcc makes of our kernels: all of it is understood, and mistakes in it
// are found, among them those that the source's emulator cannot see.

#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "tests/kernels/cuda/attention_test.h"

namespace cogdist {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Lt;
using ::testing::Not;
using ::testing::SizeIs;

const std::vector<std::string>& Architectures() {
  static const auto& names = *new std::vector<std::string>{"sm_80", "sm_90a"};
  return names;
}

std::string FolderOf(const std::string& architecture) {
  return absl::StrCat(COGDIST_PTX_FOLDER, "/", architecture);
}

std::string TextOf(const std::string& architecture, const char* name) {
  std::stringstream text;
  text << std::ifstream(absl::StrCat(FolderOf(architecture), "/", name, ".ptx"))
              .rdbuf();
  return text.str();
}

TEST(KernelsTest, EveryInstructionIsKnown) {
  for (const std::string& architecture : Architectures()) {
    const auto library = ptx::Library::Load(FolderOf(architecture));
    ASSERT_TRUE(library.ok()) << library.status();
    EXPECT_GT(library->size(), 50u) << architecture;
  }
}

// Changes the lines that contain `part`; every one counts.
std::string Changed(const std::string& text, absl::string_view part,
                    const std::function<std::string(const std::string&)>& f) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  int changed = 0;
  for (std::string& line : lines) {
    if (!absl::StrContains(line, part)) continue;
    line = f(line);
    ++changed;
  }
  EXPECT_GT(changed, 0) << part;
  return absl::StrJoin(lines, "\n");
}
std::string Replaced(const std::string& text, absl::string_view from,
                     absl::string_view to) {
  EXPECT_THAT(text, HasSubstr(std::string(from)));
  return absl::StrReplaceAll(text, {{from, to}});
}
// The operands at these positions change places.
std::string Swapped(const std::string& line, int i, int j) {
  std::vector<std::string> operands =
      absl::StrSplit(absl::StrReplaceAll(line, {{";", ""}}), ", ");
  std::swap(operands.at(i), operands.at(j));
  return absl::StrJoin(operands, ", ") + ";";
}

// The forward pass of an attention with five tiles of keys, by a text.
class ChangedKernelTest : public AttentionGpuTest,
                          public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override { text_ = TextOf(GetParam(), "attention_mma_forward"); }

  Doubles Output(const std::string& text, uint64_t seed = 1) {
    Begin(seed);
    const AttentionCase c = {.q_len = 128,
                             .kv_len = 290,
                             .head_dim = 64,
                             .causal = false,
                             .dtype = DType::kBFloat16};
    const AttentionTensors x(c, 1);
    ptx::Library library;
    const absl::Status status = library.Add(text, "forward.ptx");
    EXPECT_TRUE(status.ok()) << status;
    ptx::PtxStream stream(emulator_, std::move(library));
    const Memory m = Prepare(c, x);
    cuda::LaunchAttentionForwardMma(&stream, Forward(m));
    if (!emulator_.reports().empty()) return {};
    FetchForward(m, x);
    return x.o.values();
  }
  // Runs without a fault, and gives something else.
  void ExpectOtherNumbers(const std::string& text) {
    const Doubles right = Output(text_), wrong = Output(text);
    ExpectClean();
    ASSERT_EQ(wrong.size(), right.size());
    EXPECT_THAT(ErrorOf(wrong, right, right), Not(Lt(0.1)));
  }
  void ExpectFault(const std::string& text,
                   const testing::Matcher<simt::Fault>& fault) {
    for (int seed = 1; seed <= 3; ++seed) {
      Output(text, seed);
      ASSERT_THAT(emulator_.reports(), SizeIs(1));
      EXPECT_THAT(emulator_.reports()[0].fault, fault)
          << emulator_.reports()[0];
      EXPECT_THAT(emulator_.reports()[0].source, HasSubstr("forward.ptx:"));
    }
  }

  std::string text_;
};

TEST_P(ChangedKernelTest, HalvesOfAPairChangePlaces) {
  ExpectOtherNumbers(
      Changed(text_, "cvt.rn.bf16x2.f32",
              [](const std::string& line) { return Swapped(line, 1, 2); }));
}

TEST_P(ChangedKernelTest, MatrixNotTransposed) {
  ExpectOtherNumbers(Replaced(text_, ".x4.trans.shared", ".x4.shared"));
}

TEST_P(ChangedKernelTest, FragmentsChangePlaces) {
  // The first matrix has operands 4 to 7: 5 is 8 rows down, 6 columns on.
  ExpectOtherNumbers(Changed(text_, "mma.sync", [](const std::string& line) {
    return Swapped(line, 5, 6);
  }));
}

TEST_P(ChangedKernelTest, OneGroupTooFewWaitedFor) {
  ExpectFault(
      Changed(
          text_, "cp.async.wait_group",
          [](const std::string& line) {
            return absl::StrReplaceAll(line, {{" 0;", " 1;"}, {" 1;", " 2;"}});
          }),
      simt::Fault::kInFlight);
}

// Which fault is found first depends on the schedule.
TEST_P(ChangedKernelTest, NoBarriers) {
  ExpectFault(Changed(text_, "bar.sync",
                      [](const std::string&) { return std::string(); }),
              AnyOf(simt::Fault::kRace, simt::Fault::kUninitialised,
                    simt::Fault::kInFlight));
}

// The logarithms of sums, a number for each of 128 queries.
TEST_P(ChangedKernelTest, ResultBeyondItsBuffer) {
  ExpectFault(Changed(text_, "st.global.f32",
                      [](const std::string& line) {
                        if (absl::StrContains(line, "+")) return line;
                        return absl::StrReplaceAll(line, {{"]", "+512]"}});
                      }),
              simt::Fault::kOutOfBounds);
}

INSTANTIATE_TEST_SUITE_P(All, ChangedKernelTest,
                         testing::ValuesIn(Architectures()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace cogdist
