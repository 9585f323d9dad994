// One thread block: its fibers, who runs next, and what they wait for together.
//
// A thread runs until it waits in a barrier or a warp operation, and then
// switches straight to another that can run. The first fault ends the block:
// its fibers are abandoned where they stand.

#ifndef COGDIST_TESTS_VGPU_SIMT_BLOCK_H_
#define COGDIST_TESTS_VGPU_SIMT_BLOCK_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/vgpu/simt/clocks.h"
#include "tests/vgpu/simt/device_memory.h"
#include "tests/vgpu/simt/environment.h"
#include "tests/vgpu/simt/launch.h"
#include "tests/vgpu/simt/report.h"
#include "tests/vgpu/simt/shadow.h"
#include "tests/vgpu/simt/thread.h"
#include "tests/vgpu/simt/warp_operation.h"

namespace cogdist::simt {

struct BlockPlace {
  dim3 index;
  uint32_t number;  // over all launches, from 1
  uint32_t first;   // the number of the launch's first block
  Between* between;
};

class Block {
 public:
  Block(Environment& environment, const KernelLaunch& launch,
        const BlockPlace& place);
  ~Block();
  Block(const Block&) = delete;

  // Does it follow accesses to memory?
  bool checked() const { return checked_; }

  // Runs all threads; the fault that ended them, if any.
  std::optional<Report> Run();

  // The block whose thread calls; null outside of kernels.
  static Block* Current();

  // For the thread that runs (`code`: where in the kernel).
  Thread& thread() { return *running_; }
  const KernelLaunch& launch() const { return launch_; }
  const dim3& index() const { return place_.index; }
  unsigned char* shared() { return shared_.get() + DeviceMemory::kGuardBytes; }

  void SyncThreads(CodeOffset code);
  void RunWarpOperation(WarpOp op, uint32_t lanes, void* operands,
                        CodeOffset code);
  // A load or store, by compiled code or wide: checked, not done.
  void Access(const void* address, size_t bytes, bool is_write,
              CodeOffset code);
  // The same for one that must start at a multiple of its size and, if it is a
  // store, be to device memory.
  void AccessAligned(const void* address, size_t bytes, bool is_write,
                     CodeOffset code);
  void IssueCopy(const AsyncCopy& copy);
  void CommitCopies();
  void WaitForCopies(size_t groups_left);
  // The same as Access() at an offset of shared memory, which may be any
  // number.
  void AccessShared(uintptr_t offset, size_t bytes, bool is_write,
                    const Actor& actor);
  // An address of this block's shared memory; fails for others.
  uint32_t SharedAddress(const void* pointer, CodeOffset code);
  struct Failure {
    Fault fault;
    std::string text;
    int thread = -1;
    CodeOffset code = 0;
    Conflict other = {};
  };
  // Ends the block.
  [[noreturn]] void Fail(Failure failure);
  Stats& stats() { return environment_.stats; }

 private:
  // Scheduling.
  static void RunThread();
  void EndThread();
  void SwitchToNext();
  Thread* TakeReady();
  void MakeReady(Thread& thread);
  void Wait(const char* what, CodeOffset code);
  std::optional<Failure> Stuck();
  Report MakeReport(const Failure& failure) const;

  // Barriers and warps.
  void CheckSameSite(const char* what, CodeOffset code, CodeOffset first);
  PendingOperation& Join(WarpOp op, uint32_t lanes, CodeOffset code);
  void Execute(PendingOperation& operation);
  void ExecuteShuffle(PendingOperation& operation);
  void ExecuteLoadMatrix(PendingOperation& operation);
  void CountConflicts(const uint32_t* row_addresses);

  // Memory.
  void AccessBuffer(DeviceMemory::Buffer& buffer, uintptr_t address,
                    size_t bytes, bool is_write, const Actor& actor);
  void AccessCells(Cell* cells, size_t count, bool is_write, const Actor& actor,
                   const std::string* name, size_t offset);
  // f(cell) of the copy's destination, if there are any.
  template <typename F>
  void ForCellsOf(const AsyncCopy& copy, const F& f);

  Environment& environment_;
  const KernelLaunch& launch_;
  const BlockPlace place_;
  const bool checked_;
  Dice dice_;
  Clocks clocks_;
  Shadow shadow_;
  std::unique_ptr<unsigned char[]> shared_;  // with a guard on both sides
  std::vector<Cell> shared_cells_;
  std::vector<Thread> threads_;
  std::vector<Thread*> ready_;
  std::vector<std::vector<PendingOperation>> pending_;  // by warp
  Context scheduler_;
  Thread* running_ = nullptr;
  unsigned alive_ = 0;
  unsigned in_barrier_ = 0;
  CodeOffset barrier_code_ = 0;  // of the first thread in it
  std::optional<Failure> failure_;
};

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_BLOCK_H_
