// The System V ABI lets a function call clobber all but six registers and the
// stack pointer, so that is all a switch has to save.

#include <cstdint>

#include "tests/vgpu/simt/context.h"

asm(R"(
.text
.type cogdist_simt_switch,@function
cogdist_simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size cogdist_simt_switch, .-cogdist_simt_switch
)");

extern "C" void cogdist_simt_switch(void** save, void* load);

namespace cogdist::simt {

Context::Context() = default;
Context::~Context() = default;

void Context::Start(void* low, size_t bytes, void (*entry)()) {
  constexpr int kSavedRegisters = 6;
  void** top = reinterpret_cast<void**>(
      (reinterpret_cast<uintptr_t>(low) + bytes) & ~uintptr_t{15});
  // `entry` starts as if it had been called: 8 bytes below a multiple of 16.
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < kSavedRegisters; ++i) *--top = nullptr;
  state_ = top;
}

void Context::Switch(Context& from, Context& to) {
  cogdist_simt_switch(&from.state_, to.state_);
}

}  // namespace cogdist::simt
