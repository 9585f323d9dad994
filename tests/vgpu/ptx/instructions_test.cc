// Instructions one by one, against what the PTX manual says of them.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/vgpu/ptx/ptx_testing.h"

namespace cogdist::ptx {
namespace {

using ::testing::IsEmpty;

class InstructionsTest : public ProgramTest {
 protected:
  // What `code` leaves in %r0.
  uint32_t Word(absl::string_view code) {
    const auto words = Run(absl::StrCat(code, "; st.global.u32 [%rd0], %r0;"));
    EXPECT_THAT(emulator_.reports(), IsEmpty());
    return words.at(0);
  }
  // What it leaves in %rd2.
  uint64_t Wide(absl::string_view code) {
    const auto words = Run(absl::StrCat(code, "; st.global.u64 [%rd0], %rd2;"));
    EXPECT_THAT(emulator_.reports(), IsEmpty());
    return words.at(0) | uint64_t{words.at(1)} << 32;
  }
  // What it leaves in %f0.
  float Real(absl::string_view code) {
    const auto words = Run(absl::StrCat(code, "; st.global.f32 [%rd0], %f0;"));
    EXPECT_THAT(emulator_.reports(), IsEmpty());
    return std::bit_cast<float>(words.at(0));
  }
  // What it leaves in %p0.
  bool Truth(absl::string_view code) {
    return Word(absl::StrCat(code, "; selp.u32 %r0, 1, 0, %p0")) == 1;
  }
  // What each of 32 lanes is left with in %r0; their numbers are in %r1.
  std::array<uint32_t, 32> Lanes(absl::string_view code) {
    const auto words =
        Run(absl::StrCat("mov.u32 %r1, %tid.x; mul.wide.u32 %rd7, %r1, 4; "
                         "add.s64 %rd7, %rd7, %rd0; ",
                         code, "; st.global.u32 [%rd7], %r0;"),
            32);
    EXPECT_THAT(emulator_.reports(), IsEmpty());
    std::array<uint32_t, 32> lanes;
    std::copy_n(words.begin(), 32, lanes.begin());
    return lanes;
  }
};

TEST_F(InstructionsTest, Integers) {
  EXPECT_EQ(Word("add.s32 %r0, 2147483647, 1"), 0x80000000u);
  EXPECT_EQ(Word("sub.s32 %r0, 3, 5"), -2u);
  EXPECT_EQ(Word("mul.lo.s32 %r0, 65537, 65537"), 131073u);
  EXPECT_EQ(Word("mul.hi.u32 %r0, -1, -1"), 0xfffffffeu);
  EXPECT_EQ(Word("mul.hi.s32 %r0, -1, 1"), 0xffffffffu);
  EXPECT_EQ(Wide("mul.wide.s32 %rd2, -3, 5"), -15ull);
  EXPECT_EQ(Wide("mul.wide.u32 %rd2, -1, 2"), 0x1fffffffeull);
  EXPECT_EQ(Word("mad.lo.s32 %r0, -3, 5, 7"), -8u);
  EXPECT_EQ(Wide("mad.lo.s64 %rd2, 4294967296, 3, -1"), 0x2ffffffffull);
  EXPECT_EQ(Wide("div.s64 %rd2, -7, 2"), -3ull);
  EXPECT_EQ(Word("div.u32 %r0, -7, 2"), 0x7ffffffcu);
  EXPECT_EQ(Word("div.s32 %r0, -2147483648, -1"), 0x80000000u);
  EXPECT_EQ(Word("div.u32 %r0, 1, 0"), 0xffffffffu);
  EXPECT_EQ(Word("rem.s32 %r0, -7, 2"), -1u);
  EXPECT_EQ(Word("min.s32 %r0, -1, 1"), -1u);
  EXPECT_EQ(Word("min.u32 %r0, -1, 1"), 1u);
  EXPECT_EQ(Wide("max.s64 %rd2, -1, 1"), 1ull);
  EXPECT_EQ(Word("neg.s32 %r0, 5"), -5u);
  EXPECT_EQ(Word("abs.s32 %r0, -5"), 5u);
}

TEST_F(InstructionsTest, Floats) {
  EXPECT_EQ(Real("add.f32 %f0, 0f3F800000, 0f33800000"), 1.0f);  // to even
  EXPECT_EQ(Real("add.f32 %f0, 0f00000001, 0f00000001"), 0x1p-148f);
  EXPECT_EQ(Real("mul.f32 %f0, 0f40400000, 0fC0000000"), -6.0f);
  // (1 + 2^-12)^2 - 1: one rounding, not two.
  EXPECT_EQ(Real("fma.rn.f32 %f0, 0f3F800800, 0f3F800800, 0fBF800000"),
            0x1p-11f + 0x1p-24f);
  EXPECT_EQ(Real("div.rn.f32 %f0, 0f3F800000, 0f40400000"), 1.0f / 3);
  EXPECT_EQ(Real("rcp.rn.f32 %f0, 0f40400000"), 1.0f / 3);
  EXPECT_EQ(Real("sqrt.rn.f32 %f0, 0f40000000"), std::sqrt(2.0f));
  EXPECT_EQ(Real("neg.f32 %f0, 0f3F800000"), -1.0f);
  EXPECT_EQ(Word("abs.f32 %r0, 0f80000000"), 0u);
  EXPECT_EQ(Wide("add.f64 %rd2, 0d3FF0000000000000, 0d3FF0000000000000"),
            0x4000000000000000u);
}

TEST_F(InstructionsTest, ExtremesOfFloats) {
  EXPECT_EQ(Real("max.f32 %f0, 0fC0000000, 0f3F800000"), 1.0f);
  EXPECT_EQ(Real("max.f32 %f0, 0f7FC00000, 0f3F800000"), 1.0f);  // not NaN
  EXPECT_EQ(Real("min.f32 %f0, 0f3F800000, 0f7FC00000"), 1.0f);
  EXPECT_EQ(Word("min.f32 %r0, 0f00000000, 0f80000000"), 0x80000000u);
  EXPECT_EQ(Word("max.f32 %r0, 0f80000000, 0f00000000"), 0u);
  EXPECT_EQ(Real("min.xorsign.abs.f32 %f0, 0fC0000000, 0f3F800000"), -1.0f);
  EXPECT_EQ(Real("min.xorsign.abs.f32 %f0, 0f40000000, 0f40400000"), 2.0f);
  EXPECT_EQ(Real("min.xorsign.abs.f32 %f0, 0fC0000000, 0fC0400000"), 2.0f);
  EXPECT_EQ(Word("min.xorsign.abs.f32 %r0, 0f00000000, 0f3F800000"), 0u);
}

TEST_F(InstructionsTest, PowersFlushSubnormalsOnlyIfAsked) {
  EXPECT_EQ(Real("rcp.approx.ftz.f32 %f0, 0f40400000"), 1.0f / 3);
  EXPECT_EQ(Real("cvt.rzi.f32.f32 %f0, 0fC0200000"), -2.0f);  // of -2.5
  EXPECT_EQ(Real("copysign.f32 %f0, 0fBF800000, 0f40400000"), -3.0f);
  EXPECT_EQ(Real("rcp.approx.ftz.f32 %f0, 0f7F000000"), 0.0f);  // of 2^127
  EXPECT_EQ(Real("ex2.approx.ftz.f32 %f0, 0f40400000"), 8.0f);
  EXPECT_EQ(Real("ex2.approx.ftz.f32 %f0, 0fC3020000"), 0.0f);  // 2^-130
  EXPECT_EQ(Real("ex2.approx.f32 %f0, 0fC3020000"), 0x1p-130f);
  EXPECT_EQ(Real("ex2.approx.ftz.f32 %f0, 0fFF800000"), 0.0f);
}

TEST_F(InstructionsTest, Bits) {
  EXPECT_EQ(Word("and.b32 %r0, 12, 10"), 8u);
  EXPECT_EQ(Word("or.b32 %r0, 12, 10"), 14u);
  EXPECT_EQ(Word("xor.b32 %r0, 12, 10"), 6u);
  EXPECT_EQ(Word("not.b32 %r0, 12"), ~12u);
  EXPECT_EQ(Word("lop3.b32 %r0, 240, 204, 170, 0x96"), 0xf0u ^ 0xccu ^ 0xaau);
  EXPECT_EQ(Word("lop3.b32 %r0, 240, 204, 170, 0xca") & 0xff,
            (0xf0u & 0xccu) | (0x0fu & 0xaau));
  EXPECT_EQ(Word("shl.b32 %r0, 1, 31"), 0x80000000u);
  EXPECT_EQ(Word("shl.b32 %r0, 1, 32"), 0u);
  EXPECT_EQ(Word("shr.u32 %r0, -16, 2"), 0x3ffffffcu);
  EXPECT_EQ(Word("shr.s32 %r0, -16, 2"), -4u);
  EXPECT_EQ(Word("shr.s32 %r0, -16, 99"), ~0u);
  EXPECT_EQ(Wide("shl.b64 %rd2, 1, 40"), 1ull << 40);
  EXPECT_EQ(Word("bfi.b32 %r0, 0xff, 0, 8, 4"), 0xf00u);
  EXPECT_EQ(Word("bfe.u32 %r0, 0xabcd, 4, 8"), 0xbcu);
  EXPECT_EQ(Word("brev.b32 %r0, 1"), 0x80000000u);
  EXPECT_EQ(Word("bfind.u32 %r0, 0x300"), 9u);
  EXPECT_EQ(Word("bfind.shiftamt.u32 %r0, 0x300"), 22u);
  EXPECT_EQ(Word("bfind.shiftamt.u32 %r0, 0"), ~0u);
  EXPECT_EQ(Word("prmt.b32 %r0, 0x33221100, 0x77665584, 0x6420"), 0x66842200u);
  EXPECT_EQ(Word("prmt.b32 %r0, 0x33221100, 0x77665584, 0xc"), 0xffu);
  EXPECT_EQ(Wide("mov.b64 %rd2, {1, 2}"), 0x200000001ull);
  EXPECT_EQ(Word("mov.b64 {%r1, %r0}, 0x200000001"), 2u);
  EXPECT_EQ(Word("mov.b32 %r0, {0x1234, 0x5678}"), 0x56781234u);
}

TEST_F(InstructionsTest, Conversions) {
  // The first operand is the upper half; ties go to even.
  EXPECT_EQ(Word("cvt.rn.bf16x2.f32 %r0, 0f3F800000, 0f40000000"), 0x3f804000u);
  EXPECT_EQ(Word("cvt.rn.bf16x2.f32 %r0, 0f3F808000, 0f3F818000"), 0x3f803f82u);
  EXPECT_EQ(Wide("cvt.s64.s32 %rd2, -5"), -5ull);
  EXPECT_EQ(Wide("cvt.u64.u32 %rd2, -5"), 0xfffffffbull);
  EXPECT_EQ(Word("cvt.u32.u64 %r0, 0x500000007"), 7u);
  EXPECT_EQ(Word("cvt.u16.u32 %rs0, 0x12345; cvt.u32.u16 %r0, %rs0"), 0x2345u);
  EXPECT_EQ(Real("cvt.rn.f32.s32 %f0, -16777217"), -16777216.0f);
  EXPECT_EQ(Real("cvt.rn.f32.s64 %f0, -4294967296"), -0x1p32f);
  EXPECT_EQ(Wide("cvt.f64.f32 %rd2, 0f3F800000"), 0x3ff0000000000000u);
}

TEST_F(InstructionsTest, Comparisons) {
  EXPECT_TRUE(Truth("setp.lt.s32 %p0, -1, 1"));
  EXPECT_FALSE(Truth("setp.lt.u32 %p0, -1, 1"));
  EXPECT_TRUE(Truth("setp.ge.s64 %p0, 4294967296, 1"));
  EXPECT_TRUE(Truth("setp.eq.s16 %p0, 65537, 1"));
  EXPECT_FALSE(Truth("setp.eq.f32 %p0, 0f7FC00000, 0f7FC00000"));
  EXPECT_FALSE(Truth("setp.ne.f32 %p0, 0f7FC00000, 0f3F800000"));
  EXPECT_TRUE(Truth("setp.neu.f32 %p0, 0f7FC00000, 0f3F800000"));
  EXPECT_TRUE(Truth("setp.ltu.f32 %p0, 0f7FC00000, 0f3F800000"));
  EXPECT_TRUE(Truth("setp.eq.f32 %p0, 0f80000000, 0f00000000"));
  EXPECT_TRUE(Truth("setp.nan.f32 %p0, 0f7FC00000, 0f3F800000"));
  EXPECT_TRUE(
      Truth("setp.lt.s32 %p1, 1, 2; not.pred %p2, %p1; "
            "or.pred %p0, %p1, %p2"));
}

TEST_F(InstructionsTest, BranchesAndGuards) {
  EXPECT_EQ(Word("mov.u32 %r0, 0;\n"
                 "$loop: add.s32 %r0, %r0, 3; setp.lt.s32 %p1, %r0, 10;\n"
                 "@%p1 bra $loop"),
            12u);
  EXPECT_EQ(Word("mov.u32 %r0, 1; setp.lt.s32 %p1, 1, 2;\n"
                 "@!%p1 mov.u32 %r0, 2; @%p1 add.s32 %r0, %r0, 5"),
            6u);
}

TEST_F(InstructionsTest, Memory) {
  EXPECT_EQ(Word("ld.global.v4.u32 {%r1, %r2, %r3, %r0}, [%rd1+16]"), 107u);
  EXPECT_EQ(Word("st.shared.v2.u32 [arena+8], {5, 6}; mov.u32 %r1, arena;\n"
                 "ld.shared.u32 %r0, [%r1+12]"),
            6u);
  EXPECT_EQ(Wide("st.shared.u32 [arena], -2; ld.shared.s32 %rd2, [arena]"),
            -2ull);
  EXPECT_EQ(Word("st.shared.u32 [arena], -2; ld.shared.u16 %rs0, [arena+2];\n"
                 "cvt.u32.u16 %r0, %rs0"),
            0xffffu);
  EXPECT_EQ(Word("mov.u64 %rd2, args; ld.param.u64 %rd3, [%rd2+8];\n"
                 "ld.u32 %r0, [%rd3+4]"),
            101u);
}

TEST_F(InstructionsTest, Copies) {
  const std::string copy =
      "cp.async.cg.shared.global [arena], [%rd1+16], 16, 8;\n"
      "cp.async.commit_group; cp.async.wait_group 0;\n";
  EXPECT_EQ(Word(copy + "ld.shared.u32 %r0, [arena+4]"), 105u);
  EXPECT_EQ(Word(copy + "ld.shared.u32 %r0, [arena+8]"), 0u);
}

TEST_F(InstructionsTest, Shuffles) {
  const auto value_and_flag = [this](absl::string_view arguments) {
    return Lanes(absl::StrCat("shfl.sync.", arguments,
                              ", -1; selp.u32 %r2, 100, 0, %p0;\n"
                              "add.s32 %r0, %r0, %r2"));
  };
  const auto up = value_and_flag("up.b32 %r0|%p0, %r1, 3, 0");
  const auto down = value_and_flag("down.b32 %r0|%p0, %r1, 3, 31");
  const auto across = value_and_flag("bfly.b32 %r0|%p0, %r1, 5, 31");
  const auto index = value_and_flag("idx.b32 %r0|%p0, %r1, 9, 31");
  // In segments of eight lanes.
  const auto parts = value_and_flag("down.b32 %r0|%p0, %r1, 3, 0x1807");
  const auto firsts = value_and_flag("idx.b32 %r0|%p0, %r1, 1, 0x1807");
  for (uint32_t lane = 0; lane < 32; ++lane) {
    SCOPED_TRACE(lane);
    EXPECT_EQ(up[lane], lane < 3 ? lane : lane + 97);
    EXPECT_EQ(down[lane], lane > 28 ? lane : lane + 103);
    EXPECT_EQ(across[lane], (lane ^ 5) + 100);
    EXPECT_EQ(index[lane], 109u);
    EXPECT_EQ(parts[lane], lane % 8 > 4 ? lane : lane + 103);
    EXPECT_EQ(firsts[lane], lane / 8 * 8 + 101);
  }
}

TEST_F(InstructionsTest, Votes) {
  const auto votes = Lanes(
      "setp.gt.u32 %p0, %r1, 29;\n"
      "vote.sync.ballot.b32 %r0, %p0, -1");
  for (uint32_t vote : votes) EXPECT_EQ(vote, 0xc0000000u);
}

TEST_F(InstructionsTest, MatrixProductOfLoadedMatrices) {
  // Lane l writes row l % 8 of matrix l / 8: bfloat16 numbers l and l + 0.5.
  const auto lanes = Lanes(
      "shl.b32 %r2, %r1, 4; cvt.rn.f32.u32 %f0, %r1;\n"
      "add.f32 %f1, %f0, 0f3F000000; cvt.rn.bf16x2.f32 %r3, %f1, %f0;\n"
      "st.shared.v4.u32 [%r2], {%r3, %r3, %r3, %r3}; bar.warp.sync -1;\n"
      "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r4, %r5, %r6, %r7}, [%r2];\n"
      "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%r8, %r9, %r10, %r11},"
      " [%r2];\n"
      "mov.f32 %f2, 0f3F800000;\n"
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%f3, %f4, %f5, %f6}, {%r4, %r5, %r6, %r7}, {%r8, %r9}, "
      "{%f2, %f2, %f2, %f2}; mov.b32 %r0, %f4");
  // A's upper half is matrices 0 and 2 side by side, B is 0 above 1.
  const auto number = [](int row, int column) {
    return row + 0.5 * (column % 2);
  };
  for (int lane = 0; lane < 32; ++lane) {
    const int row = lane / 4, column = 2 * (lane % 4) + 1;
    double sum = 1;
    for (int k = 0; k < 16; ++k) {
      sum += number(row + k / 8 * 16, k) * number(k % 8 + k / 8 * 8, column);
    }
    EXPECT_EQ(std::bit_cast<float>(lanes[lane]), sum) << lane;
  }
}

}  // namespace
}  // namespace cogdist::ptx
