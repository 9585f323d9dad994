// Names of this program's functions, also of those that nobody else sees.

#ifndef COGDIST_TESTS_VGPU_PTX_SYMBOL_H_
#define COGDIST_TESTS_VGPU_PTX_SYMBOL_H_

#include <string>

namespace cogdist::ptx {

// The mangled name of the function that begins at `code`, from the program's
// table of symbols; empty if there is none.
std::string SymbolAt(const void* code);

}  // namespace cogdist::ptx

#endif  // COGDIST_TESTS_VGPU_PTX_SYMBOL_H_
