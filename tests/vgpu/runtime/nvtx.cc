#include "tests/vgpu/runtime/nvtx.h"

#include "absl/strings/str_cat.h"
#include "nvtx3/nvToolsExt.h"
#include "runtime/check.h"

namespace cogdist::vgpu {
namespace {

RangeRecorder*& Current() {
  thread_local RangeRecorder* recorder = nullptr;
  return recorder;
}

constexpr int kNoProfiler = -1;

}  // namespace

RangeRecorder::RangeRecorder() {
  COG_CHECK(Current() == nullptr);
  Current() = this;
}

RangeRecorder::~RangeRecorder() { Current() = nullptr; }

int RangeRecorder::Push(const char* name) {
  if (!text_.empty() && text_.back() == ')') text_ += ' ';
  absl::StrAppend(&text_, name, "(");
  return open_++;
}

int RangeRecorder::Pop() {
  COG_CHECK_GT(open_, 0);
  text_ += ')';
  return --open_;
}

}  // namespace cogdist::vgpu

extern "C" {

int nvtxRangePushA(const char* message) {
  auto* const recorder = cogdist::vgpu::Current();
  return recorder == nullptr ? cogdist::vgpu::kNoProfiler
                             : recorder->Push(message);
}

int nvtxRangePop() {
  auto* const recorder = cogdist::vgpu::Current();
  return recorder == nullptr ? cogdist::vgpu::kNoProfiler : recorder->Pop();
}

}  // extern "C"
