// What shadow memory objects to.

#ifndef COGDIST_TESTS_VGPU_SIMT_CONFLICT_H_
#define COGDIST_TESTS_VGPU_SIMT_CONFLICT_H_

#include <cstdint>

#include "tests/vgpu/simt/report.h"
#include "tests/vgpu/simt/source_line.h"

namespace cogdist::simt {

struct Conflict {
  Fault fault;
  const char* what;  // "read after write", ...
  int other_thread = -1;
  CodeOffset other_code = 0;
  bool other_block = false;
  uint32_t other_operation = 0;  // a number of it, if it is another's
};

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_CONFLICT_H_
