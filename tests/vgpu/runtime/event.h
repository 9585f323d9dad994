// What cudaEvent_t points to: the point that was recorded last.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_EVENT_H_
#define COGDIST_TESTS_VGPU_RUNTIME_EVENT_H_

#include <memory>

#include "tests/vgpu/runtime/graph.h"
#include "tests/vgpu/runtime/signal.h"

struct CUevent_st {
  int device = 0;
  // One of both, or neither before the first record, which counts as done.
  cogdist::vgpu::Signal* signal = nullptr;
  std::shared_ptr<cogdist::vgpu::Capture> capture;
  int point = 0;  // of the capture
};

#endif  // COGDIST_TESTS_VGPU_RUNTIME_EVENT_H_
