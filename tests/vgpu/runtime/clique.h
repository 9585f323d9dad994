// The ranks of one NCCL communicator, and where their calls meet.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_CLIQUE_H_
#define COGDIST_TESTS_VGPU_RUNTIME_CLIQUE_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "tests/vgpu/runtime/collective.h"

namespace cogdist::vgpu {

class Machine;

// The nth collective of a rank meets the nth of all others; the nth message
// from one rank to another its nth reception. A rank's operations take turns in
// the order of the host's calls, whatever streams they are on: each begins when
// the one before is complete, as NCCL has it, where they share buffers. Whoever
// waits longer than the machine's options allow fails the clique: all that
// wait, and all later calls, fail, with a report of what every rank waits for,
// and behind what. Thread-safe.
class Clique {
 public:
  Clique(Machine& machine, int number, int size);

  int number() const { return number_; }
  int size() const { return static_cast<int>(ranks_.size()); }

  // A rank takes its place and waits for the others. False if one is missing,
  // or has the same place or device.
  bool Join(int rank, int device);

  // On the host, in its order: an operation, which is one call or a group of
  // them, made for `stream`. Returns its turn.
  int64_t Issue(int rank, const std::vector<CollectiveCall>& calls,
                const std::string& stream);
  // On the stream's thread: waits until the operations before are complete.
  void AwaitTurn(int rank, int64_t turn);
  // Then meets the others in all of its calls, in no order.
  void Meet(int rank);

  // A rank is about to go, and waits until all others are: NCCL's manual calls
  // ncclCommDestroy collective, "to avoid a hang".
  void Depart(int rank);
  // A rank gives up, and so all.
  void Abort(int rank);

  bool failed() const;
  std::string failure() const;  // the report

 private:
  struct Operation {
    int64_t turn = 0;
    std::vector<CollectiveCall> calls;
    std::string stream;
    bool arrived = false;  // the stream has come to it

    std::string Calls() const;
    std::string ToString() const;
  };
  struct Rank {
    int device = -1;
    bool joined = false, departs = false;
    int64_t issued = 0;
    std::deque<Operation> operations;  // issued and not complete, by turn
    int64_t collectives = 0;           // numbered
    std::map<int, int64_t> sends;      // numbered, by peer
    std::map<int, int64_t> receives;   // likewise
    std::string latest = "no call";    // that is done
  };
  // Which calls meet: the number of a collective, or of a message and its ends.
  using Place = std::tuple<int, int, int64_t>;
  // Calls by rank, as far as they have come; and how many have gone on.
  struct Meeting {
    std::map<int, CollectiveCall> calls;
    bool done = false;
    int left = 0;
  };

  // Numbers the call of the rank, and so says where it meets.
  Place NextPlace(int rank, const CollectiveCall& call);
  int Expected(const Place& place) const;
  void Post(int rank, const Place& place, const CollectiveCall& call);
  // All have come: checks that they agree, and computes.
  void Complete(Meeting& meeting);
  void Leave(const Place& place);
  // False if the clique fails first, as it does after too long a time.
  bool WaitUntil(std::unique_lock<std::mutex>& lock, const char* headline,
                 const std::function<bool()>& done);
  void Fail(const std::string& headline);
  static std::string WhereIs(const Rank& rank);

  Machine& machine_;
  const int number_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Rank> ranks_;
  std::map<Place, Meeting> meetings_;
  std::string failure_;
};

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_RUNTIME_CLIQUE_H_
