// The kernels in a built module as the compiler left them: resources and
// machine code, read from the module's file.

#ifndef COGDIST_TESTS_KERNELS_CUDA_MACHINE_CODE_MODULE_KERNELS_H_
#define COGDIST_TESTS_KERNELS_CUDA_MACHINE_CODE_MODULE_KERNELS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/kernels/cuda/machine_code/instruction.h"

namespace cogdist::machine_code {

// Of every block's shared memory, for the system.
inline constexpr int kReservedSharedBytes = 1024;

struct MachineKernel {
  std::string name;  // with template arguments: "CastKernel<float, Bf16, 8>"
  int target = 0;    // 80, 90, 100
  int threads = 0;   // a block's most, by __launch_bounds__
  int registers = 0;
  int stack_bytes = 0;
  int static_shared_bytes = 0;  // without what is reserved
  std::vector<Instruction> code;
};

// In the order of name and target. Of `path`, a library or object made by nvcc
// without compression, which is how it leaves machine code by default.
absl::StatusOr<std::vector<MachineKernel>> ReadKernels(const std::string& path);

}  // namespace cogdist::machine_code

#endif  // COGDIST_TESTS_KERNELS_CUDA_MACHINE_CODE_MODULE_KERNELS_H_
