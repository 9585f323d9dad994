#include "launcher/stop_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace cogdist {
namespace {

volatile sig_atomic_t caught = 0;
void Catch(int number) { caught = number; }

TEST(StopRequestTest, NothingIsRequestedAtFirst) {
  const StopRequest stop;
  EXPECT_EQ(stop.signal(), 0);
  EXPECT_EQ(stop.reason(), "");
}

TEST(StopRequestTest, EachSignalIsARequest) {
  const std::pair<int, const char*> signals[] = {
      {SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGUSR1, "SIGUSR1"}};
  for (const auto& [number, name] : signals) {
    const StopRequest stop;
    raise(number);
    EXPECT_EQ(stop.signal(), number);
    EXPECT_EQ(stop.reason(), name);
  }
}

TEST(StopRequestTest, TheFirstSignalCountsAndRepetitionsDoNoHarm) {
  const StopRequest stop;
  for (const int number : {SIGUSR1, SIGTERM, SIGTERM, SIGUSR1, SIGINT}) {
    raise(number);
  }
  EXPECT_EQ(stop.reason(), "SIGUSR1");
}

TEST(StopRequestTest, OtherThreadsSeeTheRequest) {
  const StopRequest stop;
  std::thread rank([&stop] {
    while (stop.reason().empty()) std::this_thread::yield();
  });
  kill(getpid(), SIGTERM);
  rank.join();
  EXPECT_EQ(stop.signal(), SIGTERM);
}

TEST(StopRequestTest, AFarTimeLimitIsNoRequest) {
  EXPECT_EQ(StopRequest(3600).reason(), "");
}

TEST(StopRequestTest, ThePastTimeLimitIsARequest) {
  const StopRequest stop(0.05);
  EXPECT_EQ(stop.reason(), "");
  while (stop.reason().empty()) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_EQ(stop.signal(), 0);
  EXPECT_EQ(stop.reason(), "the time limit of 0.05 s");
}

TEST(StopRequestTest, HandlersAreRestored) {
  for (const int number : {SIGTERM, SIGINT, SIGUSR1}) signal(number, Catch);
  { const StopRequest stop; }
  for (const int number : {SIGTERM, SIGINT, SIGUSR1}) {
    caught = 0;
    raise(number);
    EXPECT_EQ(caught, number);
    signal(number, SIG_DFL);
  }
}

TEST(StopRequestTest, ANewRequestStartsClean) {
  {
    const StopRequest stop;
    raise(SIGTERM);
  }
  const StopRequest stop;
  EXPECT_EQ(stop.reason(), "");
}

// As a launcher and a terminal send it, at about the same time.
TEST(StopRequestTest, TheSameCtrlCTwiceIsOne) {
  const StopRequest stop;
  for (int i = 0; i < 3; ++i) raise(SIGINT);
  EXPECT_EQ(stop.reason(), "SIGINT");
}

TEST(StopRequestDeathTest, TheSecondCtrlCEndsTheProcess) {
  const auto twice = [] {
    const StopRequest stop;
    raise(SIGINT);
    if (stop.reason().empty()) _exit(1);
    absl::SleepFor(absl::Milliseconds(1100));
    raise(SIGINT);
    _exit(0);
  };
  EXPECT_EXIT(twice(), ::testing::KilledBySignal(SIGINT), "");
}

TEST(StopRequestDeathTest, TwoAtATimeAreABug) {
  const auto two = [] {
    const StopRequest first;
    const StopRequest second;
  };
  EXPECT_DEATH(two(), "two StopRequests");
}

}  // namespace
}  // namespace cogdist
