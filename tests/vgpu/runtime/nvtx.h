// What a profiler would see of NVTX's ranges.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_NVTX_H_
#define COGDIST_TESTS_VGPU_RUNTIME_NVTX_H_

#include <string>

namespace cogdist::vgpu {

// Records the ranges of this thread while it lives, as a text: each is its name
// and, in parentheses, the ranges within: "step(forward(block() block()))".
// One of a thread at a time.
class RangeRecorder {
 public:
  RangeRecorder();
  ~RangeRecorder();
  RangeRecorder(const RangeRecorder&) = delete;

  // Each one opened is written as "name(", and as ")" when it is closed.
  const std::string& text() const { return text_; }
  int open() const { return open_; }

  // For the interface's implementation: how many are open around this one.
  int Push(const char* name);
  int Pop();

 private:
  std::string text_;
  int open_ = 0;
};

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_RUNTIME_NVTX_H_
