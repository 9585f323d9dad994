// The loop in which a kernel on tensor cores spends its time.

#ifndef COGDIST_TESTS_KERNELS_CUDA_MACHINE_CODE_HOT_LOOP_H_
#define COGDIST_TESTS_KERNELS_CUDA_MACHINE_CODE_HOT_LOOP_H_

#include <map>
#include <vector>

#include "tests/kernels/cuda/machine_code/instruction.h"

namespace cogdist::machine_code {

// Instructions by kind on one way through the loop with the most tensor
// instructions: the way that takes all of them and all copies, and as few
// others as possible. That is a tile without masks, a next tile to copy, and
// nothing rare. Empty where no loop has tensor instructions.
std::map<Kind, int> SteadyIteration(const std::vector<Instruction>& code,
                                    int target);

}  // namespace cogdist::machine_code

#endif  // COGDIST_TESTS_KERNELS_CUDA_MACHINE_CODE_HOT_LOOP_H_
