#include "tests/vgpu/ptx/thread.h"

namespace cogdist::ptx {

uint64_t Thread::Run() {
  uint64_t executed = 0;
  const Instruction* const code = entry_.code.data();
  const size_t end = entry_.code.size();
  while (next_ < end) {
    const Instruction& instruction = code[next_++];
    const bool guard = (registers_[instruction.guard] & 1) != 0;
    if (guard == instruction.guard_is_negated) continue;
    instruction.execute(*this, instruction);
    ++executed;
  }
  return executed;
}

}  // namespace cogdist::ptx
