// From PTX text to a program.

#ifndef COGDIST_TESTS_VGPU_PTX_PARSER_H_
#define COGDIST_TESTS_VGPU_PTX_PARSER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/vgpu/ptx/program.h"

namespace cogdist::ptx {

// Understands what nvcc makes of our kernels, and refuses the rest: an error
// names `file`, the line, and the word that is not known.
absl::StatusOr<Module> Parse(absl::string_view text, std::string file);

}  // namespace cogdist::ptx

#endif  // COGDIST_TESTS_VGPU_PTX_PARSER_H_
