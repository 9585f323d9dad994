#include "tests/kernels/cuda/machine_code/hot_loop.h"

#include <array>
#include <optional>

namespace cogdist::machine_code {
namespace {

struct Loop {
  int begin = 0, last = 0;  // `last` jumps back to `begin`
  int tensor = 0;           // instructions between them
};

// Where the program goes after instruction `at`; -1: nowhere.
std::array<int, 2> Successors(const std::vector<Instruction>& code, int at,
                              int target) {
  const Instruction& instruction = code[at];
  const Kind kind = instruction.kind();
  const bool goes_on = (kind != Kind::kBranch && kind != Kind::kEnd) ||
                       instruction.conditional();
  const bool jumps = kind == Kind::kBranch && !instruction.for_diverged();
  const int64_t to =
      jumps ? at + 1 + instruction.branch_distance(target) : int64_t{-1};
  return {goes_on ? at + 1 : -1, static_cast<int>(to)};
}

// The shortest one with the most tensor instructions.
Loop HottestLoop(const std::vector<Instruction>& code, int target) {
  const int n = static_cast<int>(code.size());
  std::vector<int> tensor_before(n + 1);
  for (int i = 0; i < n; ++i) {
    tensor_before[i + 1] =
        tensor_before[i] + (code[i].kind() == Kind::kTensor ? 1 : 0);
  }
  Loop best;
  for (int i = 0; i < n; ++i) {
    const int to = Successors(code, i, target)[1];
    if (to < 0 || to > i) continue;
    const Loop loop = {to, i, tensor_before[i + 1] - tensor_before[to]};
    const bool shorter = i - to < best.last - best.begin;
    if (loop.tensor > best.tensor ||
        (loop.tensor == best.tensor && loop.tensor > 0 && shorter)) {
      best = loop;
    }
  }
  return best;
}

// A way from an instruction to the loop's end: what it takes, in the order of
// what counts, and its second instruction.
struct Way {
  std::array<int, 3> value = {};  // tensor, copies, minus the length
  int next = -1;
};

}  // namespace

std::map<Kind, int> SteadyIteration(const std::vector<Instruction>& code,
                                    int target) {
  const Loop loop = HottestLoop(code, target);
  if (loop.tensor == 0) return {};
  // Backwards, so that ways on are known: the loop's own jumps go forward.
  std::vector<std::optional<Way>> ways(code.size());
  for (int i = loop.last; i >= loop.begin; --i) {
    std::optional<Way>& best = ways[i];
    if (i == loop.last) best = Way();
    for (const int next : Successors(code, i, target)) {
      if (next <= i || next > loop.last || !ways[next]) continue;
      if (!best || ways[next]->value > best->value) {
        best = Way{ways[next]->value, next};
      }
    }
    if (!best) continue;
    best->value[0] += code[i].kind() == Kind::kTensor ? 1 : 0;
    best->value[1] += code[i].kind() == Kind::kCopyAsync ? 1 : 0;
    best->value[2] -= 1;
  }
  std::map<Kind, int> counts;
  if (!ways[loop.begin]) return counts;
  for (int i = loop.begin; i >= 0; i = ways[i]->next) ++counts[code[i].kind()];
  return counts;
}

}  // namespace cogdist::machine_code
