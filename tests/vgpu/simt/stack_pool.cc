#include "tests/vgpu/simt/stack_pool.h"

#include <sys/mman.h>

#include "runtime/check.h"

namespace cogdist::simt {
namespace {

constexpr size_t kGuard = 4096;
constexpr size_t kMapping = StackPool::kStackBytes + kGuard;

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
  return static_cast<char*>(mappings_[i]) + kGuard;
}

}  // namespace cogdist::simt
