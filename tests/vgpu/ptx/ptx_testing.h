// What the interpreter's tests share: programs written by hand.

#ifndef COGDIST_TESTS_VGPU_PTX_PTX_TESTING_H_
#define COGDIST_TESTS_VGPU_PTX_PTX_TESTING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "tests/vgpu/ptx/ptx_stream.h"

namespace cogdist::ptx {

// A kernel named Test, with registers of all kinds. Its parameters are two
// pointers, to 64 words of output in %rd0 and of input in %rd1; the body begins
// in line kBodyLine.
inline constexpr int kBodyLine = 6;
inline std::string ProgramOf(absl::string_view body) {
  return absl::StrCat(
      ".version 9.0 .target sm_90a .address_size 64\n"
      ".extern .shared .align 128 .b8 arena[];\n"
      ".visible .entry Test(.param .align 8 .b8 args[16]) .maxntid 64, 1, 1 {\n"
      ".reg .pred %p<8>; .reg .b16 %rs<8>; .reg .b32 %r<16>; .reg .f32 %f<8>;\n"
      ".reg .b64 %rd<8>; ld.param.v2.u64 {%rd0, %rd1}, [args];\n",
      body, "\nret;\n}\n");
}

class ProgramTest : public testing::Test {
 protected:
  static constexpr int kWords = 64;

  // The output after a block of `threads` has run `body`. Words that it has not
  // written are all ones.
  std::vector<uint32_t> Run(absl::string_view body, unsigned threads = 1) {
    emulator_.Reset({.seed = seed_});
    Library library;
    const absl::Status status = library.Add(ProgramOf(body), "test.ptx");
    EXPECT_TRUE(status.ok()) << status;
    if (!status.ok()) return {};
    PtxStream stream(emulator_, std::move(library));
    struct {
      void *output, *input;
    } parameters = {emulator_.memory().Allocate(4 * kWords, "output"),
                    emulator_.memory().Allocate(4 * kWords, "input")};
    std::vector<uint32_t> words(kWords);
    for (int i = 0; i < kWords; ++i) words[i] = 100 + i;
    emulator_.memory().Write(parameters.input, words.data(), 4 * kWords);
    stream.Run(*stream.library().Find("Test"),
               {.arguments = &parameters,
                .argument_bytes = sizeof(parameters),
                .parameter_bytes = sizeof(parameters),
                .block = threads,
                .shared_bytes = 1024});
    // Whether all has been written is not the question.
    (void)emulator_.memory().Read(words.data(), parameters.output, 4 * kWords);
    return words;
  }

  uint64_t seed_ = 1;
  simt::Emulator emulator_;
};

}  // namespace cogdist::ptx

#endif  // COGDIST_TESTS_VGPU_PTX_PTX_TESTING_H_
