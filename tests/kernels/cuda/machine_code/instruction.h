// Machine instructions of NVIDIA's GPUs since Volta, as far as counting them
// needs it. The encoding is not documented; this was read off the toolkit's own
// disassembler for sm_80, sm_90a and sm_100a.

#ifndef COGDIST_TESTS_KERNELS_CUDA_MACHINE_CODE_INSTRUCTION_H_
#define COGDIST_TESTS_KERNELS_CUDA_MACHINE_CODE_INSTRUCTION_H_

#include <cstdint>

namespace cogdist::machine_code {

enum class Kind {
  kTensor,       // HMMA
  kElementwise,  // float32 arithmetic, MUFU, F2FP, and LOP3 on the sign bit
  kLoadMatrix,   // LDSM
  kCopyAsync,    // LDGSTS
  kLoad16,       // LDG.128
  kStore16,      // STG.128
  kLocal,        // LDL, STL: spilled registers or arrays in local memory
  kBranch,       // BRA
  kEnd,          // EXIT, RET
  kOther,        // addresses, loop control, barriers, moves, other memory
};

struct Instruction {
  uint64_t low = 0, high = 0;

  Kind kind() const;
  // Executed by some threads or in some cases only.
  bool conditional() const;
  // BRA to where threads go that have diverged within a warp operation, which
  // no warp does that runs as written.
  bool for_diverged() const;
  // Of a branch: instructions from the next one.
  int64_t branch_distance(int target) const;
};

}  // namespace cogdist::machine_code

#endif  // COGDIST_TESTS_KERNELS_CUDA_MACHINE_CODE_INSTRUCTION_H_
