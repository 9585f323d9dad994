// The ledger, and the watch over it: several ranks' ledgers in one process,
// with a child process where a rank has to die.

#include "parallel/collective_watch.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/check.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// `count` ranks of this process, on this node.
std::vector<RankIdentity> Here(int count) {
  return std::vector<RankIdentity>(
      count, {.host = "here", .process = ThisProcess(), .here = true});
}

std::vector<int> AllOfThem(int count) {
  std::vector<int> ranks;
  for (int i = 0; i < count; ++i) ranks.push_back(i);
  return ranks;
}

// What a watch has to say.
struct Said {
  std::promise<std::string> promise;
  CollectiveWatch::Options Options(double timeout_seconds) {
    return {.timeout_seconds = timeout_seconds,
            .on_failure = [this](const std::string& message) {
              promise.set_value(message);
            }};
  }
  std::string Wait() { return promise.get_future().get(); }
};

// Polls a lane like a thread that waits.
class Waiting {
 public:
  explicit Waiting(Ledger::Lane lane)
      : thread_([this, lane]() mutable {
          while (!done_) {
            lane.Poll();
            absl::SleepFor(absl::Milliseconds(5));
          }
        }) {}
  ~Waiting() {
    done_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

TEST(LedgerTest, ALaneTellsWhatGoesOn) {
  Ledger ledger(0, Here(2));
  Ledger::Lane lane = ledger.AddLane("tensor", {0, 1});
  CurrentRankTag().step = 7;
  lane.Begin({.operation = Operation::kAllReduce, .elements = 3});
  lane.Poll();
  Ledger::RowState row = ledger.Read(0);
  ASSERT_EQ(row.lanes.size(), 1u);
  EXPECT_EQ(row.step, 7);
  EXPECT_EQ(row.lanes[0].name, "tensor");
  EXPECT_EQ(row.lanes[0].entry.operation, Operation::kAllReduce);
  EXPECT_EQ(row.lanes[0].entry.elements, 3);
  EXPECT_TRUE(row.lanes[0].active());
  lane.End();
  row = ledger.Read(0);
  EXPECT_FALSE(row.lanes[0].active());
  EXPECT_EQ(row.lanes[0].finished, 1);
  EXPECT_FALSE(ledger.Read(1).known);
  EXPECT_EQ(ledger.Members(0), (std::vector<int>{0, 1}));
  CurrentRankTag().step = 0;
}

TEST(LedgerTest, NamesAreMadeDifferent) {
  Ledger ledger(0, Here(1));
  for (int i = 0; i < 3; ++i) ledger.AddLane("pipeline", {0});
  const Ledger::RowState row = ledger.Read(0);
  EXPECT_EQ(row.lanes[0].name, "pipeline");
  EXPECT_EQ(row.lanes[1].name, "pipeline 2");
  EXPECT_EQ(row.lanes[2].name, "pipeline 3");
}

TEST(LedgerTest, TooManyLanesAreNotRecorded) {
  Ledger ledger(0, Here(1));
  for (int i = 0; i < 100; ++i) {
    Ledger::Lane lane = ledger.AddLane("many", {0});
    lane.Begin({});
    lane.End();
  }
  EXPECT_LT(ledger.Read(0).lanes.size(), 100u);
}

TEST(LedgerTest, SharedRowsAreSeenByTheOthers) {
  const TempDir dir;
  Ledger first(0, Here(2));
  Ledger second(1, Here(2));
  Ledger::Lane lane = second.AddLane("world", {0, 1});
  lane.Begin({.operation = Operation::kBroadcast});
  lane.End();
  ASSERT_TRUE(first.Share(dir / "memory").ok());
  EXPECT_FALSE(first.Read(1).known);
  ASSERT_TRUE(second.Share(dir / "memory").ok());
  lane.Begin({.operation = Operation::kAllGather});
  EXPECT_EQ(first.Read(1).lanes[0].begun, 2);

  // The next file: one moves before the other.
  ASSERT_TRUE(first.Share(dir / "file").ok());
  EXPECT_EQ(first.Read(1).lanes[0].begun, 2) << "in the file before";
  ASSERT_TRUE(second.Share(dir / "file").ok());
  lane.End();
  EXPECT_EQ(first.Read(1).lanes[0].finished, 2);
  EXPECT_TRUE(first.Claim());
  EXPECT_FALSE(second.Claim());
}

TEST(LedgerTest, RowsOfAnEarlierJobAreNotLookedAt) {
  const TempDir dir;
  {
    std::vector<RankIdentity> old = Here(2);
    for (RankIdentity& rank : old) --rank.process.start_ticks;
    Ledger ledger(1, old);
    ASSERT_TRUE(ledger.Share(dir / "file").ok());
    EXPECT_TRUE(ledger.Claim());
  }
  Ledger ledger(0, Here(2));
  ASSERT_TRUE(ledger.Share(dir / "file").ok());
  EXPECT_FALSE(ledger.Read(1).known);
  EXPECT_TRUE(ledger.Claim());
}

TEST(LedgerTest, AFileThatCannotBeMadeIsAnError) {
  Ledger ledger(0, Here(1));
  const absl::Status status = ledger.Share("/nowhere/at/all");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("cannot open /nowhere/at/all"));
  EXPECT_TRUE(ledger.Read(0).known);
}

TEST(CollectiveWatchTest, TellsWhoHasNotArrived) {
  const TempDir dir;
  Ledger first(0, Here(3));
  Ledger second(1, Here(3));
  Ledger third(2, Here(3));
  std::vector<Ledger::Lane> lanes;
  std::vector<Ledger::Lane> other;
  for (Ledger* ledger : {&first, &second, &third}) {
    lanes.push_back(ledger->AddLane("replicas", AllOfThem(3)));
    other.push_back(ledger->AddLane("compute", AllOfThem(3)));
    ASSERT_TRUE(ledger->Share(dir / "file").ok());
  }
  CurrentRankTag().step = 5;
  lanes[0].Begin({.operation = Operation::kAllReduce, .elements = 10});
  lanes[1].Begin({.operation = Operation::kAllReduce, .elements = 10});
  CurrentRankTag().step = 0;
  const Waiting waiting0(lanes[0]);
  const Waiting waiting1(lanes[1]);
  const Waiting waiting2(other[2]);  // busy elsewhere
  Said said;
  CollectiveWatch watch(first, said.Options(0.3));
  const std::string message = said.Wait();
  EXPECT_THAT(message,
              AllOf(HasSubstr("rank 0, step 5: all-reduce of 10 elements "
                              "(operation 1 of group replicas)"),
                    HasSubstr("missing: rank 2"), HasSubstr("rank 2 (process"),
                    HasSubstr("has not arrived"), Not(HasSubstr("rank 1"))));
  EXPECT_EQ(first.Read(0).phase, Ledger::Phase::kLeaving);
}

TEST(CollectiveWatchTest, TellsWhoseThreadHangs) {
  const TempDir dir;
  Ledger first(0, Here(2));
  Ledger second(1, Here(2));
  Ledger::Lane mine = first.AddLane("tensor", {0, 1});
  Ledger::Lane theirs = second.AddLane("tensor", {0, 1});
  ASSERT_TRUE(first.Share(dir / "file").ok());
  ASSERT_TRUE(second.Share(dir / "file").ok());
  mine.Begin({.operation = Operation::kAllGather});
  theirs.Begin({.operation = Operation::kAllGather});  // and never polls
  const Waiting waiting(mine);
  Said said;
  CollectiveWatch watch(first, said.Options(0.3));
  EXPECT_THAT(said.Wait(), AllOf(HasSubstr("missing: rank 1\n"),
                                 HasSubstr("does not respond")));
}

TEST(CollectiveWatchTest, OfAMessageThePeerIsMissing) {
  const TempDir dir;
  Ledger first(0, Here(3));
  Ledger second(2, Here(3));
  Ledger::Lane lane = first.AddLane("pipeline receives", AllOfThem(3));
  ASSERT_TRUE(first.Share(dir / "file").ok());
  ASSERT_TRUE(second.Share(dir / "file").ok());
  lane.Begin({.operation = Operation::kSendReceive, .from = 2});
  const Waiting waiting(lane);
  Said said;
  CollectiveWatch watch(first, said.Options(0.3));
  EXPECT_THAT(said.Wait(),
              AllOf(HasSubstr("message from rank 2"),
                    HasSubstr("missing: rank 2\n"), Not(HasSubstr("rank 1"))));
}

// Rank 0 waits for a message of rank 1, which waits for rank 2.
TEST(CollectiveWatchTest, TheRankThatOthersWaitForIsNamed) {
  const TempDir dir;
  std::vector<std::unique_ptr<Ledger>> ledgers;
  std::vector<Ledger::Lane> pipeline;
  std::vector<Ledger::Lane> tensor;
  for (int rank = 0; rank < 3; ++rank) {
    ledgers.push_back(std::make_unique<Ledger>(rank, Here(3)));
    pipeline.push_back(ledgers[rank]->AddLane("pipeline receives", {0, 1}));
    tensor.push_back(ledgers[rank]->AddLane("tensor", {1, 2}));
    ASSERT_TRUE(ledgers[rank]->Share(dir / "file").ok());
  }
  pipeline[0].Begin({.operation = Operation::kSendReceive, .from = 1});
  tensor[1].Begin({.operation = Operation::kAllReduce});
  const Waiting waiting0(pipeline[0]);
  const Waiting waiting1(tensor[1]);
  Said said;
  CollectiveWatch watch(*ledgers[0], said.Options(0.3));
  EXPECT_THAT(said.Wait(), AllOf(HasSubstr("; held up by rank 2\n"),
                                 HasSubstr("rank 2 (process"),
                                 HasSubstr("does not respond")));
}

// Who has told of the failure has left, but is not its cause.
TEST(CollectiveWatchTest, WhoHasToldIsNotMissing) {
  const TempDir dir;
  Ledger first(0, Here(3));
  Ledger second(1, Here(3));
  Ledger third(2, Here(3));
  Ledger::Lane lane = first.AddLane("world", AllOfThem(3));
  for (Ledger* ledger : {&first, &second, &third}) {
    ASSERT_TRUE(ledger->Share(dir / "file").ok());
  }
  second.SetPhase(Ledger::Phase::kLeaving);
  lane.Begin({.operation = Operation::kBarrier});
  const Waiting waiting(lane);
  Said said;
  CollectiveWatch watch(first, said.Options(0.3));
  EXPECT_THAT(said.Wait(), HasSubstr("missing: rank 2\n"));
}

TEST(CollectiveWatchTest, AMessageBothWaysNamesBothPeers) {
  Ledger ledger(1, Here(3));
  Ledger::Lane lane = ledger.AddLane("context receives", AllOfThem(3));
  lane.Begin({.operation = Operation::kSendReceive,
              .elements = 8,
              .to = 2,
              .from = 0});
  const Waiting waiting(lane);
  Said said;
  CollectiveWatch watch(ledger, said.Options(0.3));
  EXPECT_THAT(said.Wait(),
              HasSubstr("messages to rank 2 and from rank 0 of 8 elements"));
}

TEST(CollectiveWatchTest, OtherNodesAreNotKnown) {
  std::vector<RankIdentity> ranks = Here(2);
  ranks[1] = {.host = "there"};
  Ledger ledger(0, ranks);
  Ledger::Lane lane = ledger.AddLane("world", {0, 1});
  lane.Begin({.operation = Operation::kBarrier});
  const Waiting waiting(lane);
  Said said;
  CollectiveWatch watch(ledger, said.Options(0.3));
  EXPECT_THAT(said.Wait(), AllOf(HasSubstr("all ranks that are seen"),
                                 HasSubstr("not known here: rank 1 on there")));
}

// Ends a sleeping child process, which stands for rank 1, while rank 0 is
// watched.
class Peer {
 public:
  Peer() {
    int ready[2];
    COG_CHECK_EQ(pipe(ready), 0);
    pid_ = fork();
    if (pid_ == 0) {
      const ProcessId self = ThisProcess();
      COG_CHECK_EQ(write(ready[1], &self, sizeof(self)),
                   static_cast<ssize_t>(sizeof(self)));
      for (;;) pause();
    }
    COG_CHECK_EQ(read(ready[0], &id_, sizeof(id_)),
                 static_cast<ssize_t>(sizeof(id_)));
    close(ready[0]);
    close(ready[1]);
  }
  ~Peer() { waitpid(pid_, nullptr, 0); }
  void Kill() { kill(pid_, SIGKILL); }
  std::vector<RankIdentity> Ranks(int count = 2) const {
    std::vector<RankIdentity> ranks = Here(count);
    ranks[1].process = id_;
    return ranks;
  }

 private:
  int pid_ = 0;
  ProcessId id_;
};

TEST(CollectiveWatchTest, TellsOfARankThatIsGone) {
  const TempDir dir;
  Peer peer;
  Ledger mine(0, peer.Ranks());
  Ledger theirs(1, peer.Ranks());  // written here in its place
  Ledger::Lane lane = theirs.AddLane("tensor", {0, 1});
  ASSERT_TRUE(mine.Share(dir / "file").ok());
  ASSERT_TRUE(theirs.Share(dir / "file").ok());
  CurrentRankTag().step = 3;
  lane.Begin({.operation = Operation::kReduceScatter, .elements = 5});
  CurrentRankTag().step = 0;
  Said said;
  CollectiveWatch watch(mine, said.Options(1000));
  peer.Kill();
  EXPECT_THAT(
      said.Wait(),
      AllOf(HasSubstr("rank 1 (process"), HasSubstr("is gone: step 3, for "),
            HasSubstr("in reduce-scatter of 5 elements (operation 1 "
                      "of group tensor)")));
}

// Whether the end of `peer` is told by a watch of `ledger`.
bool IsTold(Ledger& ledger, Peer& peer) {
  std::atomic<bool> told = false;
  {
    CollectiveWatch watch(
        ledger, {.timeout_seconds = 1000,
                 .on_failure = [&](const std::string&) { told = true; }});
    peer.Kill();
    absl::SleepFor(absl::Milliseconds(500));
  }
  return told;
}

TEST(CollectiveWatchTest, ARankMayLeaveWhenItIsDone) {
  const TempDir dir;
  Peer peer;
  Ledger mine(0, peer.Ranks());
  Ledger theirs(1, peer.Ranks());
  ASSERT_TRUE(mine.Share(dir / "file").ok());
  ASSERT_TRUE(theirs.Share(dir / "file").ok());
  theirs.SetPhase(Ledger::Phase::kDone);
  EXPECT_FALSE(IsTold(mine, peer));
}

// As after a stop: rank 2 has told, and the launcher has woken rank 0 and ended
// rank 1.
TEST(CollectiveWatchTest, WhomTheLauncherEndsIsNoCause) {
  const TempDir dir;
  Peer peer;
  Ledger mine(0, peer.Ranks(3));
  Ledger theirs(1, peer.Ranks(3));
  Ledger third(2, peer.Ranks(3));
  for (Ledger* ledger : {&mine, &theirs, &third}) {
    ASSERT_TRUE(ledger->Share(dir / "file").ok());
  }
  third.SetPhase(Ledger::Phase::kLeaving);
  EXPECT_FALSE(IsTold(mine, peer));
}

TEST(CollectiveWatchTest, TellsWhatFailsInTheBackground) {
  Ledger ledger(0, Here(1));
  Ledger::Lane lane = ledger.AddLane("world steps", {0});
  CurrentRankTag().step = 4;
  ledger.SetStep(4);
  lane.Begin({.operation = Operation::kRecordedStep});
  CurrentRankTag().step = 0;
  std::atomic<bool> failed = false;
  const FailureProbe healthy(&ledger, [] { return ""; });
  const FailureProbe probe(&ledger,
                           [&] { return failed ? "the link is down" : ""; });
  const FailureProbe without_ledger(nullptr, [] { return "never asked"; });
  Said said;
  CollectiveWatch watch(ledger, said.Options(1000));
  absl::SleepFor(absl::Milliseconds(300));
  failed = true;
  EXPECT_THAT(said.Wait(),
              AllOf(HasSubstr("rank 0, step 4: the link is down: step 4, for "),
                    HasSubstr("in recorded step")));
}

TEST(LedgerTest, AProbeThatIsGoneIsNotAsked) {
  Ledger ledger(0, Here(1));
  {
    const FailureProbe probe(&ledger, [] { return "failed"; });
    EXPECT_EQ(ledger.FailureInBackground(), "failed");
  }
  EXPECT_EQ(ledger.FailureInBackground(), "");
}

TEST(CollectiveWatchTest, WhatEndsInTimeIsNotTold) {
  Ledger ledger(0, Here(1));
  Ledger::Lane lane = ledger.AddLane("world", {0});
  std::atomic<bool> told = false;
  {
    CollectiveWatch watch(
        ledger, {.timeout_seconds = 1000,
                 .on_failure = [&](const std::string&) { told = true; }});
    lane.Begin({.operation = Operation::kBarrier});
    absl::SleepFor(absl::Milliseconds(300));
    lane.End();
  }
  EXPECT_FALSE(told);
}

// Stops this process, threads and all.
void StopForSeconds(double seconds) {
  const pid_t self = getpid();
  if (fork() == 0) {
    absl::SleepFor(absl::Seconds(seconds));
    kill(self, SIGCONT);
    _exit(0);
  }
  raise(SIGSTOP);
}

// Else a scheduler's pause would end a job, and a rank that was stopped would
// accuse others of what it sees of them when it goes on.
TEST(CollectiveWatchTest, TheTimeForWhichTheProcessWasStoppedDoesNotCount) {
  EXPECT_EXIT(
      {
        Ledger ledger(0, Here(1));
        Ledger::Lane lane = ledger.AddLane("world", {0});
        lane.Begin({.operation = Operation::kBarrier});
        CollectiveWatch watch(ledger, {.timeout_seconds = 1.5});
        absl::SleepFor(absl::Milliseconds(300));  // until it watches
        StopForSeconds(2);
        absl::SleepFor(absl::Seconds(1));
        _exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST(CollectiveWatchTest, ByDefaultItEndsTheProcess) {
  EXPECT_EXIT(
      {
        Ledger ledger(0, Here(1));
        Ledger::Lane lane = ledger.AddLane("world", {0});
        lane.Begin({.operation = Operation::kBarrier});
        CollectiveWatch watch(ledger, {.timeout_seconds = 0.1});
        absl::SleepFor(absl::Seconds(600));
      },
      testing::ExitedWithCode(1), "cogdist: error: rank 0, step 0: barrier");
}

}  // namespace
}  // namespace cogdist
