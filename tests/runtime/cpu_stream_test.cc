#include "runtime/cpu/cpu_stream.h"

#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace cogdist {
namespace {

// Takes `turns` polls, then notes its name.
class Countdown : public CpuTask {
 public:
  Countdown(int turns, std::string name, std::vector<std::string>& log)
      : turns_(turns), name_(std::move(name)), log_(log) {}
  bool Poll() override {
    if (--turns_ > 0) return false;
    log_.push_back(name_);
    return true;
  }

 private:
  int turns_;
  std::string name_;
  std::vector<std::string>& log_;
};

using Log = std::vector<std::string>;

class CpuStreamTest : public testing::Test {
 protected:
  std::unique_ptr<CpuTask> Task(int turns, const std::string& name) {
    return std::make_unique<Countdown>(turns, name, log_);
  }
  void Kernel(CpuStream& stream, const std::string& name) {
    stream.Run([&] { log_.push_back(name); });
  }

  Log log_;
  CpuDevice device_;
  CpuStream stream_{device_};
  CpuStream other_{device_};
};

TEST_F(CpuStreamTest, WorkOfOneStreamKeepsItsOrder) {
  stream_.Enqueue(Task(5, "a"));
  stream_.Enqueue(Task(1, "b"));
  EXPECT_EQ(log_, Log());
  Kernel(stream_, "c");
  EXPECT_EQ(log_, Log({"a", "b", "c"}));
}

TEST_F(CpuStreamTest, ATaskThatIsDoneAtOnceNeverWaits) {
  stream_.Enqueue(Task(1, "a"));
  EXPECT_EQ(log_, Log({"a"}));
  EXPECT_TRUE(stream_.Record().Done());
  EXPECT_EQ(stream_.waited_seconds(), 0);
}

TEST_F(CpuStreamTest, KernelsOfAnotherStreamGiveTasksTheirTurns) {
  other_.Enqueue(Task(3, "task"));  // the first turn is taken here
  const Event event = other_.Record();
  Kernel(stream_, "1");
  EXPECT_FALSE(event.Done());
  Kernel(stream_, "2");
  EXPECT_TRUE(event.Done());
  EXPECT_EQ(log_, Log({"1", "2", "task"}));
}

TEST_F(CpuStreamTest, WaitOrdersStreams) {
  other_.Enqueue(Task(4, "other"));
  stream_.Wait(other_.Record());
  other_.Enqueue(Task(1000, "later"));
  Kernel(stream_, "kernel");
  EXPECT_EQ(log_, Log({"other", "kernel"}));
  other_.Synchronize();
  EXPECT_EQ(log_.back(), "later");
}

TEST_F(CpuStreamTest, EventsMarkAPointNotTheWholeStream) {
  const Event before = stream_.Record();
  stream_.Enqueue(Task(3, "a"));
  const Event after_a = stream_.Record();
  stream_.Enqueue(Task(1000, "b"));
  EXPECT_TRUE(before.Done());
  EXPECT_FALSE(after_a.Done());
  device_.Progress();
  EXPECT_TRUE(after_a.Done());
  EXPECT_FALSE(stream_.Record().Done());
  EXPECT_TRUE(Event().Done());
}

TEST_F(CpuStreamTest, CopiesWaitForTasks) {
  int from = 1, to = 0;
  class Write : public CpuTask {
   public:
    explicit Write(int& target) : target_(target) {}
    bool Poll() override {
      if (--turns_ > 0) return false;
      target_ = 7;
      return true;
    }

   private:
    int turns_ = 3;
    int& target_;
  };
  stream_.Enqueue(std::make_unique<Write>(from));
  stream_.Copy(&to, &from, sizeof(to));
  EXPECT_EQ(to, 7);
  stream_.FillZero(&to, sizeof(to));
  EXPECT_EQ(to, 0);
}

TEST_F(CpuStreamTest, EmptyTensorsNeedNoAddress) {
  stream_.Copy(nullptr, nullptr, 0);
  stream_.FillZero(nullptr, 0);
  EXPECT_TRUE(stream_.Record().Done());
}

TEST(CpuDeviceDeathTest, SizesThatWrappedRoundAreABug) {
  CpuDevice device;
  EXPECT_DEATH((void)device.Allocate(-4), "-4 bytes");
  EXPECT_DEATH((void)device.Allocate(std::numeric_limits<int64_t>::max() - 100),
               "9223372036854775707 bytes");
}

// Like a collective that adds what has arrived.
TEST_F(CpuStreamTest, ATaskMayRunKernelsOnItsOwnStream) {
  class Adder : public CpuTask {
   public:
    Adder(CpuStream& stream, Log& log) : stream_(stream), log_(log) {}
    bool Poll() override {
      stream_.Run([&] {
        stream_.Workspace(int64_t{1} << 16);
        log_.push_back("part");
      });
      return ++turns_ == 3;
    }

   private:
    CpuStream& stream_;
    Log& log_;
    int turns_ = 0;
  };
  stream_.Enqueue(std::make_unique<Adder>(stream_, log_));
  Kernel(stream_, "kernel");
  EXPECT_EQ(log_, Log({"part", "part", "part", "kernel"}));
}

TEST_F(CpuStreamTest, WorkspaceGrowsAndNeverShrinks) {
  EXPECT_EQ(stream_.workspace_bytes(), 0);
  void* const small = stream_.Workspace(100);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(small) % Device::kAlignment, 0u);
  stream_.Workspace(5000);
  void* const large = stream_.Workspace(4000);
  EXPECT_EQ(large, stream_.Workspace(5000));
  EXPECT_EQ(stream_.workspace_bytes(), 5000);
  EXPECT_EQ(device_.memory().current_bytes, 5000);
}

TEST_F(CpuStreamTest, StateIsOnePerTypeAndStream) {
  struct Counter {
    int value = 0;
  };
  ++stream_.State<Counter>().value;
  ++stream_.State<Counter>().value;
  EXPECT_EQ(stream_.State<Counter>().value, 2);
  EXPECT_EQ(other_.State<Counter>().value, 0);
}

TEST(CpuStreamLifeTest, DestructionFinishesTasksAndFreesTheWorkspace) {
  Log log;
  CpuDevice device;
  Event event;
  {
    const std::unique_ptr<Stream> stream = device.CreateStream();
    stream->Workspace(64);
    AsCpuStream(*stream).Enqueue(std::make_unique<Countdown>(3, "a", log));
    event = stream->Record();
  }
  EXPECT_EQ(log, Log({"a"}));
  EXPECT_TRUE(event.Done());
  EXPECT_EQ(device.memory().current_bytes, 0);
  device.Progress();
}

}  // namespace
}  // namespace cogdist
