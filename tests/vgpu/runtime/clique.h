// The ranks of one NCCL communicator, and where their calls meet.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_CLIQUE_H_
#define COGDIST_TESTS_VGPU_RUNTIME_CLIQUE_H_

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "tests/vgpu/runtime/collective.h"

namespace cogdist::vgpu {

class Machine;

// The nth call of a rank meets the nth of all others; the nth message from one
// rank to another its nth reception. Whoever waits longer than the machine's
// options allow fails the clique: all that wait, and all later calls, fail,
// with a report that names every rank's pending call. Thread-safe.
class Clique {
 public:
  // A rank's call on its way through a stream.
  struct Posting {
    CollectiveCall call;
    int64_t number = 0;  // of its kind: see NumberOf()
  };

  Clique(Machine& machine, int number, int size);

  int size() const { return static_cast<int>(ranks_.size()); }

  // A rank takes its place and waits for the others. False if one is missing,
  // or has the same place or device.
  bool Join(int rank, int device);

  // The next number for a call of this rank; on the host, in its order.
  int64_t NumberOf(int rank, const CollectiveCall& call);
  // Meets the others in all of the postings, in no order. On a stream's thread.
  void Meet(int rank, const std::vector<Posting>& postings);

  // A rank gives up, and so all.
  void Abort(int rank);

  bool failed() const;
  std::string failure() const;  // the report

 private:
  struct Rank {
    int device = -1;
    bool joined = false;
    int64_t collectives = 0;           // numbered
    std::map<int, int64_t> sends;      // numbered, by peer
    std::map<int, int64_t> receives;   // likewise
    std::vector<std::string> pending;  // calls that wait
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

  Place PlaceOf(int rank, const Posting& posting) const;
  int Expected(const Place& place) const;
  void Post(int rank, const Posting& posting);
  // All have come: checks that they agree, and computes.
  void Complete(Meeting& meeting);
  void Fail(const std::string& headline);
  std::string WhereAllAre() const;

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
