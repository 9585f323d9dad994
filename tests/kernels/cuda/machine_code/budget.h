// What a kernel may use of a multiprocessor, as budget.txt lists it.

#ifndef COGDIST_TESTS_KERNELS_CUDA_MACHINE_CODE_BUDGET_H_
#define COGDIST_TESTS_KERNELS_CUDA_MACHINE_CODE_BUDGET_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/kernels/cuda/machine_code/module_kernels.h"

namespace cogdist::machine_code {

// Blocks of a kernel that a multiprocessor of A100 (80), H100 (90) or B200
// (100) runs at a time.
int BlocksPerMultiprocessor(const MachineKernel& kernel,
                            int dynamic_shared_bytes);

// The bytes of dynamic shared memory that launches ask for at most, by kernel:
// the one column of budget.txt that no compiler knows.
std::map<std::string, int> DynamicSharedBytes(absl::string_view budget);

// The lines of budget.txt, without comments, for kernels in this order.
std::vector<std::string> BudgetLines(
    const std::vector<MachineKernel>& kernels,
    const std::map<std::string, int>& dynamic_shared_bytes);

}  // namespace cogdist::machine_code

#endif  // COGDIST_TESTS_KERNELS_CUDA_MACHINE_CODE_BUDGET_H_
