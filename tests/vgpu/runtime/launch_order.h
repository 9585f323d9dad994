// How a device's NCCL operations, of all communicators, get onto it.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_LAUNCH_ORDER_H_
#define COGDIST_TESTS_VGPU_RUNTIME_LAUNCH_ORDER_H_

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace cogdist::vgpu {

class Machine;

// An operation holds part of its device from its beginning until its peers have
// come. Where communicators are used side by side, ranks may so wait for each
// other without end, each with a device that is held by what the other has no
// room for; NCCL's manual warns of it. With NCCL_LAUNCH_ORDER_IMPLICIT=1 in the
// environment NCCL, from 2.26 on, has operations begin in the order of the
// host's calls: each when the one before has begun, or, where the driver is too
// old to say so, when it has ended. Of what is recorded in a graph a driver can
// say so from CUDA 12.9 on, and NCCL 2.26 does not ask it. How many operations
// have room, and the versions, are up to the machine's options. Thread-safe.
class LaunchOrder {
 public:
  explicit LaunchOrder(const Machine& machine) : machine_(machine) {}

  // On the host: the place of an operation, described as in "AllReduce, on
  // stream 1", that is enqueued or part of a graph. Without an order and with
  // room for all nothing is kept, nor do the streams meet here.
  int64_t Issue(const std::string& operation, bool in_graph);
  // On the stream's thread, with what Issue() returned: waits until it may
  // begin. Others end as soon as their communicator fails, so this does not
  // wait longer than the machine's options allow.
  void Begin(int64_t place);
  void End(int64_t place);

  // What has begun if others wait for it, and those; empty if none does.
  std::string Waiting() const;

 private:
  struct Operation {
    std::string text;
    bool arrived = false;  // the stream has come to it
    bool alone = false;    // waits for the ends of those before
  };

  bool IsOrdered() const;
  bool WaitsForEnds(bool in_graph) const;
  bool MayBegin(int64_t place) const;

  const Machine& machine_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int64_t issued_ = 0;
  bool ordered_ = false;                  // as of the last call
  std::map<int64_t, Operation> waiting_;  // to begin, by place
  std::map<int64_t, Operation> running_;
};

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_RUNTIME_LAUNCH_ORDER_H_
