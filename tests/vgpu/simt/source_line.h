// From an address in the kernels' image to the line that it was compiled from.

#ifndef COGDIST_TESTS_VGPU_SIMT_SOURCE_LINE_H_
#define COGDIST_TESTS_VGPU_SIMT_SOURCE_LINE_H_

#include <cstdint>
#include <string>

namespace cogdist::simt {

// A return address as an offset from the start of the image: four
// bytes that fit into shadow memory. 0: unknown.
using CodeOffset = uint32_t;
CodeOffset OffsetOf(const void* code);

// Of a text that is interpreted: its line i is the result + i.
CodeOffset PlacesOf(const std::string& file, size_t lines);

struct SourceLine {
  std::string function;  // demangled
  std::string line;      // "kernels/cuda/rope.cu:31"
};
// The innermost line of kernel code at `offset`: what belongs to the interface
// between kernels and emulator is passed over. Asks addr2line, once for each
// address; empty where that is not installed or the image has no line table.
const SourceLine& SourceAt(CodeOffset offset);

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_SOURCE_LINE_H_
