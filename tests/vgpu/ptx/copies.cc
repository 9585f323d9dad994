// cp.async: 16 bytes from global to shared memory, there only when their group
// has been waited for.

#include <algorithm>

#include "tests/vgpu/ptx/opcodes.h"
#include "tests/vgpu/ptx/thread.h"

namespace cogdist::ptx {
namespace {

void Issue(Thread& t, const Instruction& x, uint32_t from_bytes) {
  constexpr uint32_t kMost = simt::AsyncCopy::kBytes;
  t.block().IssueCopy({t.Get<uint32_t>(x[0]),
                       reinterpret_cast<const void*>(t.Get<uint64_t>(x[1])),
                       static_cast<int>(std::min(from_bytes, kMost)), x.code});
}
void CopyAll(Thread& t, const Instruction& x) {
  Issue(t, x, simt::AsyncCopy::kBytes);
}
// The rest becomes zero.
void CopySome(Thread& t, const Instruction& x) {
  Issue(t, x, t.Get<uint32_t>(x[3]));
}

void Commit(Thread& t, const Instruction&) { t.block().CommitCopies(); }
void WaitForAllBut(Thread& t, const Instruction& x) {
  t.block().WaitForCopies(t.Get<uint32_t>(x[0]));
}

}  // namespace

void AddCopies(OpcodeTable& table) {
  table.Add("cp.async.cg.shared.global", "aaw", CopyAll);
  table.Add("cp.async.cg.shared.global", "aaws", CopySome);
  table.Add("cp.async.commit_group", "", Commit);
  table.Add("cp.async.wait_group", "s", WaitForAllBut);
}

}  // namespace cogdist::ptx
