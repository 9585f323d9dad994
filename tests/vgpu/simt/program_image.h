// The program or shared library that the kernels are linked into.

#ifndef COGDIST_TESTS_VGPU_SIMT_PROGRAM_IMAGE_H_
#define COGDIST_TESTS_VGPU_SIMT_PROGRAM_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace cogdist::simt {

// Its first byte, in memory.
uintptr_t ImageBegin();
// Is `address` code, a constant or data of it?
bool InImage(uintptr_t address);
// Its file.
std::string ImageFile();

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_PROGRAM_IMAGE_H_
