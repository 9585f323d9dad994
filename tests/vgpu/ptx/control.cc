// Branches, the end, and barriers of the block.

#include "tests/vgpu/ptx/opcodes.h"
#include "tests/vgpu/ptx/thread.h"

namespace cogdist::ptx {
namespace {

void Branch(Thread& t, const Instruction& x) { t.JumpTo(x[0]); }
void Return(Thread& t, const Instruction&) { t.End(); }
void Barrier(Thread& t, const Instruction& x) { t.block().SyncThreads(x.code); }

}  // namespace

void AddControl(OpcodeTable& table) {
  table.Add("bra", "l", Branch);
  table.Add("bra.uni", "l", Branch);
  table.Add("ret", "", Return);
  table.Add("exit", "", Return);
  // Of all threads; other barriers are for parts of a block.
  table.Add("bar.sync", "0", Barrier);
}

}  // namespace cogdist::ptx
