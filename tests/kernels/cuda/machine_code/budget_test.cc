// What nvcc made of the kernels, read from the built module: their resources
// and wide instructions against budget.txt, and the instructions of attention's
// loops against what its tiles need. docs/gpu.md has the rules.

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "tests/kernels/cuda/machine_code/budget.h"
#include "tests/kernels/cuda/machine_code/hot_loop.h"
#include "tests/kernels/cuda/machine_code/module_kernels.h"

namespace cogdist::machine_code {
namespace {

constexpr char kBudgetPath[] = "tests/kernels/cuda/machine_code/budget.txt";

const std::vector<MachineKernel>& Kernels() {
  static const auto& kernels = *new absl::StatusOr<std::vector<MachineKernel>>(
      ReadKernels(COGDIST_CUDA_MODULE));
  static const auto& none = *new std::vector<MachineKernel>;
  if (!kernels.ok()) ADD_FAILURE() << kernels.status();
  return kernels.ok() ? *kernels : none;
}

std::vector<std::string> LinesOf(const std::string& path) {
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

std::vector<std::string> Comments(const std::vector<std::string>& lines) {
  std::vector<std::string> comments;
  for (const std::string& line : lines) {
    if (line[0] == '#') comments.push_back(line);
  }
  return comments;
}

// "- what the budget says", "+ what there is", as of sorted sets.
std::string Difference(const std::vector<std::string>& budget,
                       const std::vector<std::string>& actual) {
  const std::set<std::string> expected(budget.begin(), budget.end());
  const std::set<std::string> found(actual.begin(), actual.end());
  std::string result;
  for (const std::string& line : budget) {
    if (line[0] != '#' && found.count(line) == 0) {
      absl::StrAppend(&result, "- ", line, "\n");
    }
  }
  for (const std::string& line : actual) {
    if (expected.count(line) == 0) absl::StrAppend(&result, "+ ", line, "\n");
  }
  return result;
}

TEST(BudgetTest, NothingIsSpilledOrOnTheStack) {
  ASSERT_FALSE(Kernels().empty());
  for (const MachineKernel& kernel : Kernels()) {
    SCOPED_TRACE(absl::StrCat(kernel.name, " for sm_", kernel.target));
    EXPECT_EQ(kernel.stack_bytes, 0);
    EXPECT_GT(kernel.registers, 0);
    EXPECT_GT(kernel.threads, 0) << "has no __launch_bounds__";
    EXPECT_EQ(std::count_if(kernel.code.begin(), kernel.code.end(),
                            [](const Instruction& i) {
                              return i.kind() == Kind::kLocal;
                            }),
              0);
  }
}

// Of the compiler that budget.txt names: another one allots other registers.
TEST(BudgetTest, KernelsUseWhatTheBudgetSays) {
  ASSERT_FALSE(Kernels().empty());
  const std::vector<std::string> budget = LinesOf(kBudgetPath);
  const auto dynamic = DynamicSharedBytes(absl::StrJoin(budget, "\n"));
  const std::vector<std::string> actual = BudgetLines(Kernels(), dynamic);
  if (std::getenv("COGDIST_WRITE_BUDGET") != nullptr) {
    std::ofstream(kBudgetPath) << absl::StrJoin(Comments(budget), "\n") << "\n"
                               << absl::StrJoin(actual, "\n") << "\n";
    GTEST_SKIP() << "wrote " << kBudgetPath << "; say its compiler there";
  }
  const std::string compiler = absl::StrCat("nvcc ", COGDIST_NVCC_VERSION);
  if (!absl::StrContains(absl::StrJoin(Comments(budget), "\n"), compiler)) {
    GTEST_SKIP() << kBudgetPath << " is not of " << compiler;
  }
  const std::string difference = Difference(budget, actual);
  EXPECT_TRUE(difference.empty())
      << "kernels and their budget differ. If that is intended, say why in the "
         "commit, and run\n  COGDIST_WRITE_BUDGET=1 ctest --test-dir build -R "
         "machine_code/budget\n"
      << difference;
}

// Attention on tensor cores: what a thread needs for one tile of scores.
struct AttentionLoop {
  const char* kernel;
  int head_dim;
  int row_tiles;      // of 16 rows, a warp
  int columns;        // of the tile of scores
  int products;       // of matrices, each 2 * rows * columns * head_dim FLOPs
  int left_reads;     // products whose left operand lies in shared memory
  double sm80, sm90;  // element-wise instructions per score, at most

  // One m16n8k16 is 4096 FLOPs.
  int tensor() const { return products * row_tiles * columns * head_dim / 128; }
  // One x4 is 16 x 16 elements. Every product reads its right operand.
  int load_matrix() const {
    return (products * columns + left_reads * 16 * row_tiles) * head_dim / 256;
  }
  // Two tiles of the other side, of `columns` rows, by 128 threads.
  int copy_async() const { return 2 * columns * head_dim / 8 / 128; }
  // Of a warp's, by its lanes.
  double scores() const { return row_tiles * 16 * columns / 32.0; }
};

// Forward: s = q k^T and o += a v, with q in shared memory and a in registers.
// Backward: s and g = do v^T, with q (or k) and do (or v) in shared memory;
// then dq += ds k or, where keys are owned, dk += ds q and dv += a do.
//
// The targets are 5.5 in the forward pass (maximum, exponent, exp2, sum, signed
// minimum, half a conversion) and 5.5 or 6 in the backward pass (exponent,
// exp2, signed minimum, a delta, ds, half a conversion for each product), one
// more on sm_80, which copies the sign by itself, and a half for what rows
// cost.
constexpr AttentionLoop kAttention[] = {
    {"AttentionMmaForwardKernel<64, true>", 64, 2, 64, 2, 1, 7, 6},
    {"AttentionMmaForwardKernel<128, true>", 128, 2, 32, 2, 1, 7, 6},
    {"AttentionMmaBackwardKernel<64, true, false>", 64, 1, 64, 3, 2, 7.5, 6.5},
    {"AttentionMmaBackwardKernel<128, true, false>", 128, 1, 32, 3, 2, 7.5,
     6.5},
    {"AttentionMmaBackwardKernel<64, true, true>", 64, 1, 64, 4, 2, 7.5, 6.5},
    {"AttentionMmaBackwardKernel<128, true, true>", 128, 1, 32, 4, 2, 7.5, 6.5},
};

class AttentionLoopTest : public testing::TestWithParam<AttentionLoop> {};

TEST_P(AttentionLoopTest, HasWhatItsTilesNeed) {
  const AttentionLoop& loop = GetParam();
  int targets = 0;
  for (const MachineKernel& kernel : Kernels()) {
    if (kernel.name != loop.kernel) continue;
    ++targets;
    SCOPED_TRACE(absl::StrCat(kernel.name, " for sm_", kernel.target));
    std::map<Kind, int> counts = SteadyIteration(kernel.code, kernel.target);
    EXPECT_EQ(counts[Kind::kTensor], loop.tensor());
    EXPECT_EQ(counts[Kind::kLoadMatrix], loop.load_matrix());
    EXPECT_EQ(counts[Kind::kCopyAsync], loop.copy_async());
    EXPECT_EQ(counts[Kind::kLocal], 0);
    const double elementwise = counts[Kind::kElementwise] / loop.scores();
    EXPECT_LE(elementwise, kernel.target == 80 ? loop.sm80 : loop.sm90);
    const int others = counts[Kind::kOther] + counts[Kind::kBranch];
    std::cout << absl::StreamFormat(
        "%-45s sm_%-3d element-wise %.2f, others %.2f a score\n", kernel.name,
        kernel.target, elementwise, others / loop.scores());
  }
  EXPECT_EQ(targets, 3);
}

INSTANTIATE_TEST_SUITE_P(Kernels, AttentionLoopTest,
                         testing::ValuesIn(kAttention));

TEST(OccupancyTest, IsWhatNvidiasTableSays) {
  MachineKernel kernel = {.target = 80, .threads = 128, .registers = 255};
  EXPECT_EQ(BlocksPerMultiprocessor(kernel, 0), 2);  // 8 warps by registers
  kernel.registers = 168;
  EXPECT_EQ(BlocksPerMultiprocessor(kernel, 0), 3);
  kernel.registers = 32;
  EXPECT_EQ(BlocksPerMultiprocessor(kernel, 0), 16);  // 64 warps
  EXPECT_EQ(BlocksPerMultiprocessor(kernel, 48 << 10), 3);
  kernel.target = 90;
  EXPECT_EQ(BlocksPerMultiprocessor(kernel, 48 << 10), 4);
  kernel.threads = 32;
  EXPECT_EQ(BlocksPerMultiprocessor(kernel, 0), 32);
}

}  // namespace
}  // namespace cogdist::machine_code
