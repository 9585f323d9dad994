// Stacks of fibers, each with a page below it that faults when it overflows.
// Kept from launch to launch: mapping them anew would cost more than running.

#ifndef COGDIST_TESTS_VGPU_SIMT_STACK_POOL_H_
#define COGDIST_TESTS_VGPU_SIMT_STACK_POOL_H_

#include <cstddef>
#include <vector>

namespace cogdist::simt {

class StackPool {
 public:
  static constexpr size_t kStackBytes = 256 << 10;

  StackPool() = default;
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;

  // The lowest address of stack i.
  void* Get(size_t i);

 private:
  std::vector<void*> mappings_;
};

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_STACK_POOL_H_
