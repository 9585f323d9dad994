#include "tests/kernels/cuda/machine_code/budget.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace cogdist::machine_code {
namespace {

constexpr int kColumns = 11;  // before the kernel's name, which has spaces
constexpr int kDynamicColumn = 2;

int RoundUp(int x, int multiple) {
  return (x + multiple - 1) / multiple * multiple;
}

int Count(const MachineKernel& kernel, Kind kind) {
  return static_cast<int>(
      std::count_if(kernel.code.begin(), kernel.code.end(),
                    [kind](const Instruction& i) { return i.kind() == kind; }));
}

}  // namespace

// The limits are those of "Technical Specifications per Compute Capability" in
// NVIDIA's programming guide; the three targets differ in shared memory alone.
int BlocksPerMultiprocessor(const MachineKernel& kernel,
                            int dynamic_shared_bytes) {
  constexpr int kWarps = 64, kBlocks = 32, kParts = 4;
  constexpr int kRegistersOfPart = 16384;
  const int shared_kilobytes = kernel.target == 80 ? 164 : 228;
  const int block_warps = RoundUp(kernel.threads, 32) / 32;
  // A warp's registers lie in one part, in units of 256.
  const int warp_registers = RoundUp(kernel.registers * 32, 256);
  const int by_registers =
      kRegistersOfPart / warp_registers * kParts / block_warps;
  const int block_bytes =
      RoundUp(kernel.static_shared_bytes + dynamic_shared_bytes, 128) +
      kReservedSharedBytes;
  return std::min({kBlocks, kWarps / block_warps, by_registers,
                   (shared_kilobytes << 10) / block_bytes});
}

std::map<std::string, int> DynamicSharedBytes(absl::string_view budget) {
  std::map<std::string, int> bytes;
  for (absl::string_view line : absl::StrSplit(budget, '\n')) {
    if (line.empty() || line[0] == '#') continue;
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.size() <= kColumns) continue;
    const std::string name =
        absl::StrJoin(words.begin() + kColumns, words.end(), " ");
    int dynamic = 0;
    if (absl::SimpleAtoi(words[kDynamicColumn], &dynamic)) {
      bytes[name] = dynamic;
    }
  }
  return bytes;
}

std::vector<std::string> BudgetLines(
    const std::vector<MachineKernel>& kernels,
    const std::map<std::string, int>& dynamic_shared_bytes) {
  std::vector<std::string> lines;
  for (const MachineKernel& kernel : kernels) {
    const auto found = dynamic_shared_bytes.find(kernel.name);
    const int dynamic = found == dynamic_shared_bytes.end() ? 0 : found->second;
    lines.push_back(absl::StrFormat(
        "%4d %5d %7d %6d %5d %6d %4d %4d %4d %4d %4d  %s", kernel.target,
        kernel.threads, dynamic, kernel.static_shared_bytes, kernel.registers,
        BlocksPerMultiprocessor(kernel, dynamic), Count(kernel, Kind::kTensor),
        Count(kernel, Kind::kLoadMatrix), Count(kernel, Kind::kCopyAsync),
        Count(kernel, Kind::kLoad16), Count(kernel, Kind::kStore16),
        kernel.name));
  }
  return lines;
}

}  // namespace cogdist::machine_code
