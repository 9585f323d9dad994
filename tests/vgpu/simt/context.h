// Places in a program to leave and to come back to, without the operating
// system: what fibers are made of. One source file a processor family, and a
// portable one.

#ifndef COGDIST_TESTS_VGPU_SIMT_CONTEXT_H_
#define COGDIST_TESTS_VGPU_SIMT_CONTEXT_H_

#include <cstddef>

namespace cogdist::simt {

// Not copied or moved once it has been switched from. A context is only ever
// continued on the OS thread that left it.
class Context {
 public:
  // Of the running thread; filled when it is first switched from.
  Context();
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // Continuing this context calls `entry` on the stack [low, low + bytes).
  // `entry` never returns: it switches away for good.
  void Start(void* low, size_t bytes, void (*entry)());

  // Leaves the running context in `from` and goes on with `to`.
  static void Switch(Context& from, Context& to);

 private:
  void* state_ = nullptr;  // x86-64: the stack pointer; else a ucontext_t
};

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_CONTEXT_H_
