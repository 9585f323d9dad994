// A collective under way: carries out a RingSchedule over a transport, as a
// task of a CPU stream.

#ifndef COGDIST_PARALLEL_RING_TASK_H_
#define COGDIST_PARALLEL_RING_TASK_H_

#include <array>
#include <cstdint>

#include "parallel/ring_schedule.h"
#include "parallel/transport.h"
#include "runtime/cpu/cpu_stream.h"
#include "runtime/tensor.h"

namespace cogdist {

class RingTask : public CpuTask {
 public:
  // Messages under way in each direction. More keep the wire busy while the
  // rank computes, and take more scratch memory.
  static constexpr int kWindow = 16;

  struct Args {
    RingSchedule schedule;
    Transport* transport = nullptr;  // not owned, as is all below
    int tag = 0;
    TensorView x;  // contiguous
    // kWindow messages of `chunk_bytes` that wait to be added; used by this
    // task alone until it is done.
    char* scratch = nullptr;
    int64_t chunk_bytes = 0;
    int64_t turn_bytes = 0;  // a Poll() ends after having received so much
    int64_t* bytes_sent = nullptr;  // counts up
  };
  explicit RingTask(const Args& args) : args_(args) {}

  bool Poll() override;

 private:
  using Requests = std::array<Transport::Request, kWindow>;

  // Each does one thing that can be done now; false if it could not.
  bool PostReceive();
  bool PostSend();
  bool FinishReceive(int64_t& turn_bytes);
  bool FinishSend();

  char* Slot(int64_t k) {
    return args_.scratch + k % kWindow * args_.chunk_bytes;
  }
  char* Address(const ElementRange& range) const;
  int64_t Bytes(const ElementRange& range) const;

  const Args args_;
  // Items so far, in each of the four stages.
  int64_t receives_posted_ = 0;
  int64_t received_ = 0;
  int64_t sends_posted_ = 0;
  int64_t sent_ = 0;
  Requests receives_;  // item k's is at k % kWindow
  Requests sends_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_RING_TASK_H_
