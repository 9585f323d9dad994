// Kernels are compiled with -fsanitize=thread, which makes the compiler call
// these functions before every load and store that may be seen by others. The
// sanitizer's own library, which defines them too, must not be linked.

#include "tests/vgpu/simt/block.h"

namespace cogdist::simt {
namespace {

// Code of launchers is instrumented as well: it runs on no fiber.
inline void OnAccess(const void* address, size_t bytes, bool is_write,
                     const void* code) {
  Block* const block = Block::Current();
  if (block != nullptr && block->checked()) {
    block->Access(address, bytes, is_write, OffsetOf(code));
  }
}

}  // namespace
}  // namespace cogdist::simt

#define COGDIST_ON_ACCESS(address, bytes, is_write)   \
  ::cogdist::simt::OnAccess(address, bytes, is_write, \
                            __builtin_return_address(0))
#define COGDIST_DEFINE_ACCESS(bytes)                                       \
  void __tsan_read##bytes(void* p) { COGDIST_ON_ACCESS(p, bytes, false); } \
  void __tsan_write##bytes(void* p) { COGDIST_ON_ACCESS(p, bytes, true); } \
  void __tsan_unaligned_read##bytes(void* p) {                             \
    COGDIST_ON_ACCESS(p, bytes, false);                                    \
  }                                                                        \
  void __tsan_unaligned_write##bytes(void* p) {                            \
    COGDIST_ON_ACCESS(p, bytes, true);                                     \
  }

// NOLINTBEGIN: the compiler's names.
extern "C" {
COGDIST_DEFINE_ACCESS(1)
COGDIST_DEFINE_ACCESS(2)
COGDIST_DEFINE_ACCESS(4)
COGDIST_DEFINE_ACCESS(8)
COGDIST_DEFINE_ACCESS(16)
void __tsan_read_range(void* p, unsigned long bytes) {
  COGDIST_ON_ACCESS(p, bytes, false);
}
void __tsan_write_range(void* p, unsigned long bytes) {
  COGDIST_ON_ACCESS(p, bytes, true);
}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
}
// NOLINTEND
