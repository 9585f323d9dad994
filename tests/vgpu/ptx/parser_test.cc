#include "tests/vgpu/ptx/parser.h"

#include <string>

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "tests/vgpu/ptx/library.h"
#include "tests/vgpu/ptx/ptx_testing.h"

namespace cogdist::ptx {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const std::string& text) {
  return std::string(Parse(text, "k.ptx").status().message());
}

TEST(ParserTest, ReadsAnEntry) {
  const auto module = Parse(ProgramOf("@!%p1 bra $end;\n$end:"), "k.ptx");
  ASSERT_TRUE(module.ok()) << module.status();
  ASSERT_EQ(module->entries.size(), 1u);
  const Entry& entry = module->entries[0];
  EXPECT_EQ(entry.name, "Test");
  EXPECT_EQ(entry.parameter_bytes, 16u);
  EXPECT_EQ(entry.max_threads, 64u);
  EXPECT_EQ(entry.registers, kFirstOwnRegister + 8u + 8u + 16u + 8u + 8u);
  ASSERT_EQ(entry.code.size(), 3u);
  EXPECT_TRUE(entry.code[1].guard_is_negated);
  EXPECT_EQ(entry.code[1].guard, kFirstOwnRegister + 1u);
  EXPECT_EQ(entry.code[1][0].offset, 2);
}

// Nothing is passed over silently.
TEST(ParserTest, NamesWhatItDoesNotKnow) {
  EXPECT_EQ(ErrorOf(ProgramOf("mov.u32 %r0, 1;\nadd.cc.u32 %r1, %r0, 1;")),
            "k.ptx:7: unknown opcode 'add.cc.u32'");
  EXPECT_EQ(ErrorOf(ProgramOf("add.u32 %r1, {%r0, %r1};")),
            "k.ptx:6: unknown operands (r{rr}) of 'add.u32'");
  EXPECT_EQ(ErrorOf(ProgramOf("mov.u32 1, %r0;")),
            "k.ptx:6: unknown operands (ir) of 'mov.u32'");
  EXPECT_EQ(ErrorOf(ProgramOf("bar.sync 1;")),
            "k.ptx:6: unknown operands (i) of 'bar.sync'");
  EXPECT_EQ(ErrorOf(ProgramOf("mov.u32 %r16, 1;")),
            "k.ptx:6: unknown name '%r16'");
  EXPECT_EQ(ErrorOf(ProgramOf("mov.u32 %r0, 1e;")),
            "k.ptx:6: unknown operand '1e'");
  EXPECT_EQ(ErrorOf(ProgramOf("@%p9 ret;")), "k.ptx:6: unknown register '%p9'");
  EXPECT_EQ(ErrorOf(ProgramOf("bra $nowhere;")),
            "k.ptx:6: unknown label '$nowhere'");
  EXPECT_EQ(ErrorOf(ProgramOf(".shared .b8 table[64];")),
            "k.ptx:6: unknown statement '.shared'");
  EXPECT_EQ(ErrorOf(".version 9.0\n.func f()"),
            "k.ptx:2: unknown directive '.func'");
  EXPECT_THAT(ErrorOf(ProgramOf("ret; /* no end")), HasSubstr("end of the"));
}

// What nvcc and g++ call the same kernel.
TEST(LibraryTest, FindsKernelsOfAnonymousNamespaces) {
  Library library;
  const std::string text = absl::StrReplaceAll(
      ProgramOf(""),
      {{"Test", "_ZN1a41_GLOBAL__N__b7ef5acc_9_reduce_cu_ccdd4f021fIfEEvi"}});
  ASSERT_TRUE(library.Add(text, "k.ptx").ok());
  EXPECT_NE(library.Find(Demangled("_ZN1a12_GLOBAL__N_11fIfEEvi")), nullptr);
  EXPECT_EQ(library.Find(Demangled("_ZN1a12_GLOBAL__N_11fIdEEvi")), nullptr);
}

TEST(LibraryTest, AnEmptyFolderIsAnError) {
  EXPECT_THAT(std::string(Library::Load("/nowhere").status().message()),
              HasSubstr("no PTX in '/nowhere'"));
}

}  // namespace
}  // namespace cogdist::ptx
