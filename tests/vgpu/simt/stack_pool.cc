#include "tests/vgpu/simt/stack_pool.h"

#include <sys/mman.h>

#include "runtime/check.h"

namespace cogdist::simt {
namespace {

constexpr size_t kGuard = 4096;
// Stacks begin at different offsets within their pages: the tops of all are
// used in turn, and would else fall into the same few lines of the caches.
constexpr size_t kOffsets = 16;
constexpr size_t kOffset = 256;
constexpr size_t kMapping =
    StackPool::kStackBytes + kGuard + kOffsets * kOffset;

}  // namespace

StackPool::~StackPool() {
  for (void* mapping : mappings_) munmap(mapping, kMapping);
}

void* StackPool::Get(size_t i) {
  while (mappings_.size() <= i) {
    void* const mapping =
        mmap(nullptr, kMapping, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    COG_CHECK(mapping != MAP_FAILED, "no memory for stacks of threads");
    COG_CHECK_EQ(mprotect(mapping, kGuard, PROT_NONE), 0);
    mappings_.push_back(mapping);
  }
  return static_cast<char*>(mappings_[i]) + kGuard + i % kOffsets * kOffset;
}

}  // namespace cogdist::simt
