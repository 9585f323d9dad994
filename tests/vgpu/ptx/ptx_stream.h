// Runs the PTX of kernels in place of what g++ has made of them: a second
// oracle, for the inline assembly and for what nvcc does to a kernel.

#ifndef COGDIST_TESTS_VGPU_PTX_PTX_STREAM_H_
#define COGDIST_TESTS_VGPU_PTX_PTX_STREAM_H_

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "tests/vgpu/ptx/library.h"
#include "tests/vgpu/simt/emulator.h"

namespace cogdist::ptx {

// A stream on which launchers launch as ever. Blocks, threads, schedules and
// memory are the emulator's, and so are its reports, which name lines of PTX.
class PtxStream : public CUstream_st {
 public:
  // The emulator outlives the stream.
  PtxStream(simt::Emulator& emulator, Library library)
      : emulator_(emulator), library_(std::move(library)) {}

  // Runs the entry of the kernel's name with the launch's parameters. If there
  // is none, or one that does not fit, that is a fault of the launch.
  const char* Enqueue(const simt::KernelLaunch& launch) override;
  // Runs an entry, for PTX that no compiler has made.
  const char* Run(const Entry& entry, const simt::KernelLaunch& launch);

  const Library& library() const { return library_; }
  // That threads have executed.
  uint64_t instructions() const { return instructions_; }

 private:
  const Entry* EntryOf(const void* kernel);

  simt::Emulator& emulator_;
  const Library library_;
  std::map<const void*, const Entry*> entries_;  // by kernel
  std::vector<uint64_t> registers_;              // of a block's threads
  uint64_t instructions_ = 0;
};

// A stream that runs the folder of PTX that COGDIST_PTX names; null where the
// environment has no such variable.
std::unique_ptr<PtxStream> StreamFromEnvironment(simt::Emulator& emulator);

}  // namespace cogdist::ptx

#endif  // COGDIST_TESTS_VGPU_PTX_PTX_STREAM_H_
