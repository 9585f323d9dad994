// For processors without a switch of their own: slower by a system call.

#include <ucontext.h>

#include "tests/vgpu/simt/context.h"

namespace cogdist::simt {

Context::Context() : state_(new ucontext_t) {}

Context::~Context() { delete static_cast<ucontext_t*>(state_); }

void Context::Start(void* low, size_t bytes, void (*entry)()) {
  ucontext_t& context = *static_cast<ucontext_t*>(state_);
  getcontext(&context);
  context.uc_stack.ss_sp = low;
  context.uc_stack.ss_size = bytes;
  context.uc_link = nullptr;
  makecontext(&context, entry, 0);
}

void Context::Switch(Context& from, Context& to) {
  swapcontext(static_cast<ucontext_t*>(from.state_),
              static_cast<ucontext_t*>(to.state_));
}

}  // namespace cogdist::simt
