#include "tests/vgpu/simt/shadow.h"

#include "gtest/gtest.h"

namespace cogdist::simt {
namespace {

constexpr uint32_t kBlock = 5;
constexpr CodeOffset kCode = 77;

class ShadowTest : public testing::Test {
 protected:
  bool Read(int thread) { return !shadow_.Read(cell_, {thread, kCode}); }
  bool Write(int thread) { return !shadow_.Write(cell_, {thread, kCode}); }

  Clocks clocks_{3};
  History history_;
  Between between_{history_, nullptr};
  Shadow shadow_{clocks_, between_, kBlock, kBlock};
  Cell cell_;
};

TEST_F(ShadowTest, NobodyReadsWhatNobodyWrote) {
  EXPECT_EQ(shadow_.Read(cell_, {0, kCode})->fault, Fault::kUninitialised);
}

TEST_F(ShadowTest, AThreadIsOrderedWithItself) {
  EXPECT_TRUE(Write(3) && Read(3) && Write(3) && Read(3));
}

TEST_F(ShadowTest, AConflictNamesTheOther) {
  EXPECT_TRUE(Write(3));
  const auto conflict = shadow_.Read(cell_, {4, kCode + 1});
  ASSERT_TRUE(conflict.has_value());
  EXPECT_EQ(conflict->fault, Fault::kRace);
  EXPECT_EQ(conflict->other_thread, 3);
  EXPECT_EQ(conflict->other_code, kCode);
}

TEST_F(ShadowTest, SyncWarpOrdersItsWarpOnly) {
  EXPECT_TRUE(Write(3));
  clocks_.SyncWarp(0, ~0u);
  EXPECT_TRUE(Read(4));
  EXPECT_FALSE(Read(32 + 4));
  clocks_.SyncWarp(1, ~0u);
  EXPECT_FALSE(Read(32 + 4));
  clocks_.Barrier();
  EXPECT_TRUE(Read(32 + 4));
}

TEST_F(ShadowTest, SyncWarpOrdersTheLanesItNames) {
  EXPECT_TRUE(Write(0));
  clocks_.SyncWarp(0, 0b0011);
  EXPECT_TRUE(Read(1));
  EXPECT_FALSE(Read(2));
  // What 1 knows of 0, 2 learns from 1.
  clocks_.SyncWarp(0, 0b0110);
  EXPECT_TRUE(Read(2));
  EXPECT_FALSE(Read(3));
}

TEST_F(ShadowTest, AWriterMustKnowAllReaders) {
  EXPECT_TRUE(Write(0));
  clocks_.Barrier();
  EXPECT_TRUE(Read(1) && Read(2));
  clocks_.SyncWarp(0, 0b1010);  // lanes 1 and 3
  EXPECT_FALSE(Write(3));
  clocks_.SyncWarp(0, 0b1100);  // lanes 2 and 3
  EXPECT_TRUE(Write(3));
}

// Reads at different times of one warp, the later one by the writer itself.
TEST_F(ShadowTest, ReadersOfDifferentTimes) {
  EXPECT_TRUE(Write(0));
  clocks_.Barrier();
  EXPECT_TRUE(Read(1) && Read(2));
  clocks_.SyncWarp(0, 0b0110);
  EXPECT_TRUE(Read(3) && Read(2));
  EXPECT_FALSE(Write(2));  // does not know of 3
  clocks_.SyncWarp(0, 0b1100);
  EXPECT_TRUE(Write(2));
}

TEST_F(ShadowTest, ReadersOfSeveralWarps) {
  EXPECT_TRUE(Write(0));
  clocks_.Barrier();
  EXPECT_TRUE(Read(1) && Read(33) && Read(65));
  clocks_.SyncWarp(0, ~0u);
  EXPECT_FALSE(Write(1));
  clocks_.Barrier();
  EXPECT_TRUE(Write(1));
}

TEST_F(ShadowTest, NothingOrdersBlocksOfALaunch) {
  EXPECT_TRUE(Write(0));
  const Clocks clocks(1);
  Shadow sibling(clocks, between_, kBlock + 1, kBlock);
  EXPECT_TRUE(sibling.Read(cell_, {0, kCode})->other_block);
  EXPECT_TRUE(sibling.Write(cell_, {0, kCode})->other_block);
  Shadow next_launch(clocks, between_, kBlock + 1, kBlock + 1);
  EXPECT_FALSE(next_launch.Read(cell_, {0, kCode}));
  EXPECT_TRUE(next_launch.Write(cell_, {1, kCode}).has_value());
}

TEST_F(ShadowTest, BlocksMayReadTogetherButNotThenWrite) {
  cell_.initialised = true;
  EXPECT_TRUE(Read(0));
  const Clocks clocks(1);
  Shadow sibling(clocks, between_, kBlock + 1, kBlock);
  EXPECT_FALSE(sibling.Read(cell_, {0, kCode}));
  EXPECT_TRUE(sibling.Write(cell_, {0, kCode})->other_block);
  Shadow next_launch(clocks, between_, kBlock + 2, kBlock + 2);
  EXPECT_FALSE(next_launch.Write(cell_, {0, kCode}));
}

TEST_F(ShadowTest, CopiesInFlightAreNotTouched) {
  EXPECT_TRUE(Write(0));
  cell_.in_flight = true;
  EXPECT_EQ(shadow_.Read(cell_, {0, kCode})->fault, Fault::kInFlight);
  EXPECT_EQ(shadow_.Write(cell_, {0, kCode})->fault, Fault::kInFlight);
}

}  // namespace
}  // namespace cogdist::simt
