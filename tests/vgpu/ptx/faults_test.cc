// Mistakes in PTX are found, and named with their line.

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/vgpu/ptx/ptx_testing.h"

namespace cogdist::ptx {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kSeeds = 20;

struct Mistake {
  const char* name;
  simt::Fault fault;
  int line;  // of the body, from 0
  const char* body;
  unsigned threads = 64;
};

std::ostream& operator<<(std::ostream& out, const Mistake& mistake) {
  return out << mistake.name;
}

// %r1 is four times the thread's number, %rd7 its word of output.
constexpr char kPosition[] =
    "mov.u32 %r1, %tid.x; shl.b32 %r1, %r1, 2; cvt.u64.u32 %rd7, %r1; "
    "add.s64 %rd7, %rd7, %rd0;\n";

const Mistake kMistakes[] = {
    {"BeyondSharedMemory", simt::Fault::kOutOfBounds, 1,
     "add.s32 %r2, %r1, 772;\nst.shared.u32 [%r2], 1;"},
    {"BeforeSharedMemory", simt::Fault::kOutOfBounds, 0,
     "st.shared.u32 [%r1+-4], 1;"},
    {"BeyondABuffer", simt::Fault::kOutOfBounds, 0,
     "st.global.u32 [%rd7+4], 1;"},
    {"BeyondTheParameters", simt::Fault::kOutOfBounds, 0,
     "ld.param.u64 %rd2, [args+16];"},
    {"AddressOfNothing", simt::Fault::kUnknownMemory, 0,
     "ld.global.u32 %r2, [16];"},
    {"Misaligned", simt::Fault::kMisaligned, 0,
     "ld.global.v2.u32 {%r2, %r3}, [%rd1+4];"},
    {"MisalignedShared", simt::Fault::kMisaligned, 0,
     "st.shared.v4.u32 [arena+8], {%r1, %r1, %r1, %r1};"},
    {"Uninitialised", simt::Fault::kUninitialised, 0,
     "ld.shared.u32 %r2, [arena];"},
    // Found when the second of two threads writes its own word.
    {"NoBarrier", simt::Fault::kRace, 0,
     "st.shared.u32 [%r1], 1;\n"
     "xor.b32 %r2, %r1, 128;\n"
     "st.shared.u32 [%r2], 1;"},
    {"CopyInFlight", simt::Fault::kInFlight, 2,
     "cp.async.cg.shared.global [arena], [%rd1], 16; "
     "cp.async.commit_group;\n"
     "cp.async.wait_group 1;\n"
     "ld.shared.u32 %r2, [arena];",
     1},
    {"CopyNotWaitedFor", simt::Fault::kLostCopies, 0,
     "cp.async.cg.shared.global [arena], [%rd1], 16;", 1},
    {"BarrierOfSome", simt::Fault::kDivergence, 1,
     "setp.lt.u32 %p1, %r1, 128;\n@%p1 bar.sync 0;"},
    {"HalfAWarp", simt::Fault::kDivergence, 1,
     "setp.lt.u32 %p1, %r1, 64;\n"
     "@%p1 shfl.sync.bfly.b32 %r2, %r1, 1, 31, -1;"},
    {"LaneWithoutPart", simt::Fault::kBadLane, 1,
     "setp.lt.u32 %p1, %r1, 64;\n"
     "@%p1 shfl.sync.bfly.b32 %r2, %r1, 16, 31, 0xffff;",
     32},
};

class FaultsTest : public ProgramTest,
                   public testing::WithParamInterface<Mistake> {};

TEST_P(FaultsTest, IsFoundUnderEverySchedule) {
  const Mistake& mistake = GetParam();
  for (seed_ = 1; seed_ <= kSeeds; ++seed_) {
    Run(absl::StrCat(kPosition, mistake.body), mistake.threads);
    ASSERT_THAT(emulator_.reports(), SizeIs(1));
    const simt::Report& report = emulator_.reports()[0];
    EXPECT_EQ(report.fault, mistake.fault) << report;
    EXPECT_EQ(report.source,
              absl::StrCat("test.ptx:", kBodyLine + 1 + mistake.line))
        << report;
  }
}

INSTANTIATE_TEST_SUITE_P(All, FaultsTest, testing::ValuesIn(kMistakes),
                         [](const auto& info) { return info.param.name; });

using NoFaultTest = ProgramTest;

TEST_F(NoFaultTest, ABarrierOrders) {
  for (seed_ = 1; seed_ <= kSeeds; ++seed_) {
    Run(absl::StrCat(kPosition,
                     "st.shared.u32 [%r1], 1; bar.sync 0;\n"
                     "xor.b32 %r2, %r1, 128; st.shared.u32 [%r2], 1;"),
        64);
    EXPECT_THAT(emulator_.reports(), IsEmpty());
  }
}

TEST_F(NoFaultTest, AKernelWithoutPtxIsNotRun) {
  PtxStream stream(emulator_, Library());
  stream.Enqueue({.kernel = reinterpret_cast<const void*>(&Demangled)});
  ASSERT_THAT(emulator_.reports(), SizeIs(1));
  EXPECT_EQ(emulator_.reports()[0].fault, simt::Fault::kBadLaunch);
}

}  // namespace
}  // namespace cogdist::ptx
