// A test of the test-bed: every mistake in faulty_kernels.h is found in every
// schedule, and the kernels without one are clean and right.

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "runtime/bfloat16.h"
#include "runtime/rng.h"
#include "tests/vgpu/simt/emulator.h"
#include "tests/vgpu/simt/faulty_kernels.h"

namespace cogdist::simt {
namespace {

using cuda::kExchangeBlocks;
using cuda::kExchangeThreads;
using cuda::Mistake;
using ::testing::AnyOf;
using ::testing::ContainsRegex;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kSeeds = 200;
constexpr int kRows = 64;
constexpr int kDepth = 64;  // four slices, twice as many as stages
constexpr int kNumbers = kExchangeBlocks * kExchangeThreads;

Options OptionsOf(int seed) {
  return {.seed = static_cast<uint64_t>(seed),
          .schedule = seed == 0 ? Options::Schedule::kInOrder
                                : Options::Schedule::kRandom,
          .truncate_mma = seed % 4 == 3};
}

template <typename T>
T* Upload(Emulator& emulator, const std::vector<T>& values, const char* name) {
  const size_t bytes = values.size() * sizeof(T);
  void* const memory = emulator.memory().Allocate(bytes, name);
  emulator.memory().Write(memory, values.data(), bytes);
  return static_cast<T*>(memory);
}

template <typename T>
std::vector<T> Download(Emulator& emulator, const T* from, size_t count) {
  std::vector<T> values(count);
  auto report = emulator.memory().Read(values.data(), from, count * sizeof(T));
  if (report) emulator.AddReport(*report);
  return values;
}

std::vector<uint16_t> RandomBf16(uint64_t stream) {
  const Rng rng(7, stream);
  std::vector<uint16_t> values(kRows * kDepth);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = BFloat16(static_cast<float>(rng.Normal(i))).bits;
  }
  return values;
}

float Number(uint16_t bits) {
  BFloat16 number;
  number.bits = bits;
  return static_cast<float>(number);
}

// The largest difference from the product in float64; what goes wrong is in the
// emulator's reports.
double RunProduct(Emulator& emulator, Mistake mistake) {
  const auto a = RandomBf16(1), b = RandomBf16(2);
  auto* const c = static_cast<float*>(
      emulator.memory().Allocate(kRows * kRows * sizeof(float), "c"));
  LaunchProduct(&emulator, mistake,
                {.c = c,
                 .a = Upload(emulator, a, "a"),
                 .b = Upload(emulator, b, "b"),
                 .depth = kDepth});
  if (!emulator.reports().empty()) return 0;
  const auto result = Download(emulator, c, kRows * kRows);
  double error = 0;
  for (int i = 0; i < kRows * kRows; ++i) {
    double sum = 0;
    for (int k = 0; k < kDepth; ++k) {
      sum += double{Number(a[i / kRows * kDepth + k])} *
             Number(b[i % kRows * kDepth + k]);
    }
    error = std::max(error, std::abs(sum - result[i]));
  }
  return error;
}

// y of all zeros after a fault.
std::vector<float> RunExchange(Emulator& emulator, Mistake mistake) {
  std::vector<float> x(kNumbers);
  for (int i = 0; i < kNumbers; ++i) x[i] = i;
  std::vector<float> host(kNumbers);
  float* const y = mistake == Mistake::kBlocksReadOutput
                       ? Upload(emulator, host, "y")
                       : static_cast<float*>(emulator.memory().Allocate(
                             kNumbers * sizeof(float), "y"));
  float* other = static_cast<float*>(
      emulator.memory().Allocate(kNumbers * sizeof(float), "other"));
  if (mistake == Mistake::kFreedMemory) emulator.memory().Free(other);
  if (mistake == Mistake::kHostMemory) other = host.data();
  LaunchExchange(&emulator, mistake,
                 {.y = y, .x = Upload(emulator, x, "x"), .other = other});
  if (!emulator.reports().empty()) return std::vector<float>(kNumbers);
  return Download(emulator, y, kNumbers);
}

TEST(FaultsTest, CorrectKernelsAreCleanAndRight) {
  Emulator emulator;
  for (int seed = 0; seed < kSeeds; ++seed) {
    emulator.Reset(OptionsOf(seed));
    EXPECT_LE(RunProduct(emulator, Mistake::kNone), 1e-4);
    const std::vector<float> y = RunExchange(emulator, Mistake::kNone);
    ASSERT_THAT(emulator.reports(), IsEmpty()) << "seed " << seed;
    for (int i = 0; i < kNumbers; ++i) {
      EXPECT_EQ(y[i], i ^ (kExchangeThreads - 1));
    }
  }
  const Stats& stats = emulator.stats();
  EXPECT_EQ(stats.ldmatrix_conflicts, 0);
  EXPECT_EQ(stats.mma, kSeeds * 4u * 4 * 8);  // warps, slices, columns / 8
  EXPECT_EQ(stats.async_copies, kSeeds * 4u * 2 * kRows * 2);
}

struct Expected {
  Mistake mistake;
  Fault fault;
  std::string text;  // in the report
};

// In every schedule, with the thread and the line; `run` is RunProduct or
// RunExchange.
template <typename Run>
void ExpectFound(const Expected& expected, const Run& run) {
  Emulator emulator;
  for (int seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(absl::StrCat("mistake ", expected.mistake, ", seed ", seed));
    emulator.Reset(OptionsOf(seed));
    run(emulator, expected.mistake);
    ASSERT_THAT(emulator.reports(), SizeIs(1));
    const Report& report = emulator.reports()[0];
    ASSERT_EQ(report.fault, expected.fault) << report;
    EXPECT_GE(report.thread, 0);
    const std::string text = report.ToString();
    EXPECT_THAT(text, HasSubstr(expected.text));
    EXPECT_THAT(text, ContainsRegex("kernel .*(Product|Exchange)<"));
    EXPECT_THAT(text, ContainsRegex("at tests/.*faulty_kernels.cu:[0-9]+"));
  }
}

TEST(FaultsTest, MistakesInAPipeline) {
  for (const Expected& expected : std::vector<Expected>{
           {Mistake::kTooFewGroupsWaitedFor, Fault::kInFlight, "destination"},
           {Mistake::kNoBarrierBeforeReuse, Fault::kRace, "shared memory"},
           {Mistake::kNoWaitAtEnd, Fault::kLostCopies, "cp.async"}}) {
    ExpectFound(expected, RunProduct);
  }
}

// Which of these is met first is up to the schedule: a copy by another thread
// that is done but not ordered, is under way, or has not begun.
TEST(FaultsTest, NoBarrierAfterWait) {
  Emulator emulator;
  for (int seed = 0; seed < kSeeds; ++seed) {
    emulator.Reset(OptionsOf(seed));
    RunProduct(emulator, Mistake::kNoBarrierAfterWait);
    ASSERT_THAT(emulator.reports(), SizeIs(1));
    EXPECT_THAT(emulator.reports()[0].fault,
                AnyOf(Eq(Fault::kRace), Eq(Fault::kInFlight),
                      Eq(Fault::kUninitialised)))
        << emulator.reports()[0];
  }
}

TEST(FaultsTest, MistakesWithSharedMemory) {
  for (const Expected& expected : std::vector<Expected>{
           {Mistake::kNoBarrier, Fault::kRace, "shared memory"},
           {Mistake::kNoSyncWarp, Fault::kRace, "shared memory"},
           {Mistake::kShuffleForSyncWarp, Fault::kRace, "shared memory"},
           {Mistake::kSyncWarpOfHalf, Fault::kRace, "shared memory"},
           {Mistake::kNoSyncWarpBeforeReuse, Fault::kRace, "shared memory"},
           {Mistake::kSharedBeyondEnd, Fault::kOutOfBounds,
            "of 640 bytes of shared memory"},
           {Mistake::kSharedBeforeBegin, Fault::kOutOfBounds,
            "write of 4 bytes at offset -4"},
           {Mistake::kSharedUninitialised, Fault::kUninitialised,
            "shared memory"}}) {
    ExpectFound(expected, RunExchange);
  }
}

TEST(FaultsTest, ThreadsThatDisagree) {
  for (const Expected& expected : std::vector<Expected>{
           {Mistake::kDivergentBarrier, Fault::kDivergence,
            "32 have ended; 96 wait in __syncthreads"},
           {Mistake::kTwoBarriers, Fault::kDivergence,
            "different calls of __syncthreads"},
           {Mistake::kDivergentWarp, Fault::kDivergence, "vote.sync"},
           {Mistake::kLaneLeftOut, Fault::kBadLane, "lane 16"},
           {Mistake::kMaskWithoutCaller, Fault::kBadLane, "__syncwarp"},
           {Mistake::kMissingLanes, Fault::kDivergence, "wait in shfl.sync"}}) {
    ExpectFound(expected, RunExchange);
  }
}

TEST(FaultsTest, MistakesWithDeviceMemory) {
  for (const Expected& expected : std::vector<Expected>{
           {Mistake::kGlobalBeyondEnd, Fault::kOutOfBounds, "'y' (1024 bytes)"},
           {Mistake::kGlobalUninitialised, Fault::kUninitialised, "of other"},
           {Mistake::kFreedMemory, Fault::kUseAfterFree, "of 'other'"},
           {Mistake::kHostMemory, Fault::kUnknownMemory, "write of 4"},
           {Mistake::kMisaligned, Fault::kMisaligned, "16 bytes"},
           {Mistake::kWideStoreToShared, Fault::kUnknownMemory,
            "shared memory"},
           {Mistake::kBlocksShareOutput, Fault::kRace, "another block"},
           {Mistake::kBlocksReadOutput, Fault::kRace, "another block"},
           {Mistake::kThreadsShareOutput, Fault::kRace, "of other"},
           {Mistake::kWriteToConstant, Fault::kUnknownMemory, "write"}}) {
    ExpectFound(expected, RunExchange);
  }
}

TEST(FaultsTest, BlocksThatNoDeviceCanHave) {
  const KernelLaunch good = {
      .kernel = reinterpret_cast<const void*>(&OptionsOf),
      .invoke = [](const void*) {},
      .grid = {2},
      .block = {32}};
  Emulator emulator;
  emulator.Enqueue(good);
  EXPECT_THAT(emulator.reports(), IsEmpty());
  std::vector<KernelLaunch> bad(6, good);
  bad[0].block = {1056};
  bad[1].block = {0};
  bad[2].grid = {0};
  bad[3].grid = {1, kMaxGridYZ + 1};
  bad[4].shared_bytes = kMaxSharedBytes + 1;
  bad[5].grid = {kMaxGridX + 1};
  for (const KernelLaunch& launch : bad) {
    emulator.Reset({});
    emulator.Enqueue(launch);
    ASSERT_THAT(emulator.reports(), SizeIs(1));
    EXPECT_EQ(emulator.reports()[0].fault, Fault::kBadLaunch);
  }
}

// The seeds draw different schedules, and the same seed the same one.
TEST(FaultsTest, SchedulesFollowFromTheirSeeds) {
  std::set<std::string> texts;
  for (const int seed : {1, 2, 3, 4, 5, 1}) {
    Emulator emulator(OptionsOf(seed));
    RunExchange(emulator, Mistake::kNoBarrier);
    ASSERT_THAT(emulator.reports(), SizeIs(1));
    texts.insert(emulator.reports()[0].ToString());
  }
  EXPECT_EQ(texts.size(), 5);
}

TEST(FaultsTest, OutputThatNobodyWroteIsFoundByTheHost) {
  Emulator emulator;
  const auto* const y = static_cast<const float*>(
      emulator.memory().Allocate(4 * sizeof(float), "y"));
  Download(emulator, y, 4);
  ASSERT_THAT(emulator.reports(), SizeIs(1));
  EXPECT_EQ(emulator.reports()[0].fault, Fault::kUninitialised);
}

}  // namespace
}  // namespace cogdist::simt
