// Who is doing what: a row for every rank, in memory that the ranks of a node
// share, so that when something hangs or dies the others can say where. A rank
// writes its own row at the start and the end of every operation, with plain
// stores and no system call; the others read it when there is trouble.
//
// A row has lanes. The operations of one lane follow each other, and lanes of
// the same name on two ranks go through the same operations: a group has a lane
// for its collectives, one for its control operations and one for the time when
// it is made. Point-to-point operations have lanes of their own, in which each
// operation names its peer; what is only sent does not follow what is received,
// and has another one.

#ifndef COGDIST_PARALLEL_LEDGER_H_
#define COGDIST_PARALLEL_LEDGER_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "runtime/process.h"

namespace cogdist {

class FailureProbe;
class StreamLane;

enum class Operation : int32_t {
  kNone,
  kAllReduce,
  kReduceScatter,
  kAllGather,
  kBroadcast,
  kSendReceive,  // to and from one rank each, or one of both
  kExchange,     // of small host-side values
  kBarrier,
  kRecordedStep,  // a training step that a GPU does as one graph
};
absl::string_view Name(Operation operation);

// Who a rank is; known of all ranks from the start.
struct RankIdentity {
  std::string host;
  ProcessId process;
  bool here = false;  // on this node, where its process and row can be seen
};

class Ledger {
 public:
  enum class Phase : int32_t {
    kRunning,
    kLeaving,  // has told why, and ends the job
    kDone,     // only returns its exit code
  };

  // What a lane's latest operation is about.
  struct Entry {
    Operation operation = Operation::kNone;
    int64_t elements = 0;
    int to = -1;    // ranks of the world; -1 in collectives, and where a
    int from = -1;  // message goes one way only

    bool collective() const { return to < 0 && from < 0; }
  };

  // A handle on one lane of this rank's row; used by one thread at a time, the
  // rank's unless a stream carries the operations out (stream_lane.h). A
  // default one records nothing.
  class Lane {
   public:
    Lane() = default;
    // An operation starts, of the thread's step or another one. In a lane with
    // several under way, the time counts from the last start or end that
    // changed whether any is.
    void Begin(const Entry& entry);
    void Begin(const Entry& entry, int64_t step);
    // It is still being worked on: this rank's thread lives.
    void Poll();
    void End();

   private:
    friend class Ledger;
    Lane(Ledger* ledger, int index) : ledger_(ledger), index_(index) {}
    Ledger* ledger_ = nullptr;
    int index_ = 0;
  };

  // What was read of a lane. A row that is written meanwhile may mix two
  // operations.
  struct LaneState {
    std::string name;
    Entry entry;
    int64_t begun = 0;     // operations so far
    int64_t finished = 0;  // of them
    int64_t polls = 0;
    int64_t step = 0;  // of the latest start
    double since = 0;  // MonotonicSeconds() of the latest start or end

    bool active() const { return finished < begun; }
  };
  struct RowState {
    bool known = false;  // false: it cannot be seen, or not yet
    Phase phase = Phase::kRunning;
    int64_t step = 0;
    std::vector<LaneState> lanes;
  };

  // In private memory: only this rank's row can be seen.
  Ledger(int rank, std::vector<RankIdentity> ranks);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // Moves this rank's row to the file at `path`, made if it is not there, with
  // a row for each rank of the world; rows of earlier jobs are not looked at.
  // Ranks that have moved see each other, also in the file before. At most
  // twice. Errors name the path; the ledger then stays as it was.
  absl::Status Share(absl::string_view path);

  int rank() const { return rank_; }
  const std::vector<RankIdentity>& ranks() const { return ranks_; }
  // The members of a group of all ranks.
  std::vector<int> World() const;

  // `members`: ranks of the world, by rank in the group; each adds its lanes in
  // the same order. A name that this rank has already gets a number behind it.
  // More lanes than a row has room for are not recorded.
  Lane AddLane(absl::string_view name, std::vector<int> members);
  void SetStep(int64_t step);

  // The rest may be called from any thread.

  // Brings the lanes up to date that streams carry out. Whoever reads rows to
  // judge them calls it often.
  void Refresh();
  // What a FailureProbe knows of; empty: nothing.
  std::string FailureInBackground() const;
  void SetPhase(Phase phase);
  // True for the first rank of this node that calls it.
  bool Claim();
  // The row of a rank; those of others are seen from Share() on.
  RowState Read(int rank) const;
  // Members of this rank's lane `index`.
  std::vector<int> Members(int index) const;

 private:
  friend class FailureProbe;
  friend class StreamLane;
  struct File;
  struct Row;

  Row* RowOf(int rank) const;

  const int rank_;
  const std::vector<RankIdentity> ranks_;
  std::unique_ptr<Row> private_row_;
  std::atomic<Row*> own_;                         // private_row_ or in a file
  std::array<std::atomic<File*>, 2> files_ = {};  // newest first
  std::atomic<bool> claimed_ = false;             // without a file
  const uint64_t job_;  // the same on all ranks of a node, and on no others
  mutable std::mutex mutex_;
  std::vector<std::vector<int>> members_;  // by lane; guarded by mutex_
  std::vector<StreamLane*> stream_lanes_;  // likewise
  mutable std::mutex probes_mutex_;
  std::vector<FailureProbe*> probes_;  // guarded by probes_mutex_
};

// Asks for failures in threads of a library, which its next call would tell,
// but which the rank's thread does not make while it waits for a stream.
class FailureProbe {
 public:
  // `ask` gives the failure, or nothing; it is called from any thread and does
  // not block. Without a ledger nobody asks. The ledger outlives the probe.
  FailureProbe(Ledger* ledger, std::function<std::string()> ask);
  // `ask` has returned, and is called no more.
  ~FailureProbe();
  FailureProbe(const FailureProbe&) = delete;
  FailureProbe& operator=(const FailureProbe&) = delete;

 private:
  friend class Ledger;
  Ledger* const ledger_;
  const std::function<std::string()> ask_;
};

// What a communicator tells of its group; without a ledger nothing.
struct LedgerGroup {
  Ledger* ledger = nullptr;  // not owned
  std::string name;          // e.g. "tensor"
  std::vector<int> members;  // ranks of the world, by rank in the group

  // A rank of the group as the ledger counts it.
  int WorldRank(int peer) const {
    return ledger == nullptr ? peer : members[peer];
  }
};

// Where the operations of a group are noted, and which lane is for which.
struct GroupLanes {
  LedgerGroup group;
  Ledger::Lane collectives;
  Ledger::Lane sends;     // of what is only sent
  Ledger::Lane receives;  // of other messages
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_LEDGER_H_
