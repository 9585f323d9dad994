// A collective under way: carries out a CollectiveSchedule over a transport, as
// a task of a CPU stream.

#ifndef COGDIST_PARALLEL_COLLECTIVE_TASK_H_
#define COGDIST_PARALLEL_COLLECTIVE_TASK_H_

#include <array>
#include <cstdint>

#include "parallel/collective_schedule.h"
#include "parallel/ledger.h"
#include "parallel/transport.h"
#include "runtime/cpu/cpu_stream.h"
#include "runtime/dtype.h"

namespace cogdist {

class CollectiveTask : public CpuTask {
 public:
  // Messages under way in each direction. More keep the wire busy while the
  // rank computes, and take more scratch memory.
  static constexpr int kWindow = 16;

  struct Args {
    CollectiveSchedule schedule;     // in bytes
    Transport* transport = nullptr;  // not owned, as is all below
    int send_tag = 0;
    int receive_tag = 0;
    // What the schedule's ranges lie in; the same memory but in SendRecv.
    const void* send_from = nullptr;
    void* receive_into = nullptr;
    DType dtype = DType::kFloat32;  // of what is reduced
    // kWindow messages of `chunk_bytes` that wait to be reduced; used by this
    // task alone until it is done. Null if nothing is.
    char* scratch = nullptr;
    int64_t chunk_bytes = 0;
    int64_t turn_bytes = 0;  // a Poll() ends after having received so much
    int64_t* bytes_sent = nullptr;  // counts up
    // Where it is told, and how.
    Ledger::Lane lane = {};
    Ledger::Entry entry = {};
  };
  explicit CollectiveTask(const Args& args) : args_(args) {}

  bool Poll() override;

 private:
  using Requests = std::array<Transport::Request, kWindow>;

  // Each does one thing that can be done now; false if it could not.
  bool PostReceive();
  bool PostSend();
  bool FinishReceive(int64_t& turn_bytes);
  bool FinishSend();

  char* Slot(int64_t k) const {
    return args_.scratch + k % kWindow * args_.chunk_bytes;
  }
  char* Target(const CollectiveSchedule::Message& message) const {
    return static_cast<char*>(args_.receive_into) + message.range.begin;
  }

  // Moves messages; true once all is done.
  bool Move();

  const Args args_;
  Ledger::Lane lane_ = args_.lane;
  bool begun_ = false;
  // Messages so far, in each of the four stages.
  int64_t receives_posted_ = 0;
  int64_t received_ = 0;
  int64_t sends_posted_ = 0;
  int64_t sent_ = 0;
  Requests receives_;  // message k's is at k % kWindow
  Requests sends_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_COLLECTIVE_TASK_H_
