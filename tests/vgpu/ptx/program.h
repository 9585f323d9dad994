// PTX as it is executed: text no longer, but functions and register numbers.

#ifndef COGDIST_TESTS_VGPU_PTX_PROGRAM_H_
#define COGDIST_TESTS_VGPU_PTX_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/vgpu/simt/source_line.h"

namespace cogdist::ptx {

class Thread;
struct Instruction;

// Does one instruction for one thread; instructions of a whole warp wait in it
// for the others.
using Execute = void (*)(Thread& thread, const Instruction& instruction);

// Its value is registers[base] + offset. Register 0 is always zero, so a
// register, a constant, a register with an offset (an address) and a label are
// the same thing.
struct Operand {
  uint32_t base = 0;
  int64_t offset = 0;
};

struct Instruction {
  const Operand& operator[](size_t i) const { return operands[i]; }

  Execute execute = nullptr;
  // Left out unless the guard register's lowest bit differs from this.
  uint32_t guard = 0;
  bool guard_is_negated = true;
  simt::CodeOffset code = 0;      // its line, for reports
  std::vector<Operand> operands;  // those in braces one by one
};

// Registers that every entry has, set before it starts.
enum SpecialRegister : uint32_t {
  kZero,
  kThreadX,
  kThreadY,
  kThreadZ,
  kBlockX,
  kBlockY,
  kBlockZ,
  kBlockExtentX,
  kBlockExtentY,
  kBlockExtentZ,
  kGridExtentX,
  kGridExtentY,
  kGridExtentZ,
  kFirstOwnRegister,
};

// A kernel.
struct Entry {
  std::string name;  // mangled
  uint32_t registers = kFirstOwnRegister;
  size_t parameter_bytes = 0;
  unsigned max_threads = 0;  // of a block; 0: not said
  std::vector<Instruction> code;
};

struct Module {
  std::vector<Entry> entries;
};

}  // namespace cogdist::ptx

#endif  // COGDIST_TESTS_VGPU_PTX_PROGRAM_H_
