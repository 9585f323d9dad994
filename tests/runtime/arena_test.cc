#include "runtime/arena.h"

#include <cstring>

#include "gtest/gtest.h"
#include "runtime/cpu/cpu_device.h"

namespace cogdist {
namespace {

class ArenaTest : public testing::Test {
 protected:
  Arena Make(int64_t capacity) { return *Arena::Create(device_, capacity); }

  CpuDevice device_;
};

TEST_F(ArenaTest, TensorsAreAlignedAndDoNotOverlap) {
  Arena arena = Make(4096);
  const TensorView a = arena.Allocate(DType::kFloat32, {3});
  const TensorView b = arena.Allocate(DType::kBFloat16, {129});
  const TensorView c = arena.Allocate(DType::kFloat32, {1});
  for (const TensorView& x : {a, b, c}) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(x.data) % Device::kAlignment, 0u);
    std::memset(x.data, 1, x.bytes());
  }
  EXPECT_EQ(static_cast<char*>(b.data) - static_cast<char*>(a.data), 256);
  EXPECT_EQ(static_cast<char*>(c.data) - static_cast<char*>(b.data), 512);
  EXPECT_EQ(arena.used_bytes(), 1024);
}

TEST_F(ArenaTest, MarksGiveBackInReverseOrder) {
  Arena arena = Make(1024);
  const TensorView kept = arena.Allocate(DType::kFloat32, {64});
  const Arena::Mark mark = arena.mark();
  void* const first = arena.Allocate(DType::kFloat32, {64}).data;
  arena.Allocate(DType::kFloat32, {64});
  arena.Release(mark);
  EXPECT_EQ(arena.used_bytes(), kept.bytes());
  EXPECT_EQ(arena.high_water_bytes(), 768);
  EXPECT_EQ(arena.Allocate(DType::kFloat32, {1}).data, first);
}

TEST_F(ArenaTest, ScopeGivesBackAtItsEnd) {
  Arena arena = Make(1024);
  {
    const ArenaScope outer(arena);
    arena.Allocate(DType::kFloat32, {64});
    {
      const ArenaScope inner(arena);
      arena.Allocate(DType::kFloat32, {64});
    }
    EXPECT_EQ(arena.used_bytes(), 256);
  }
  EXPECT_EQ(arena.used_bytes(), 0);
}

TEST_F(ArenaTest, FillsToTheLastByteAndNoFurther) {
  Arena arena = Make(512);
  arena.Allocate(DType::kFloat32, {128});
  EXPECT_DEATH(
      arena.Allocate(DType::kFloat32, {2}),
      "the arena of 512 bytes has 0 left, but float32\\[2\\] needs 256");
}

TEST_F(ArenaTest, ReleasingAheadIsABug) {
  Arena arena = Make(512);
  EXPECT_DEATH(arena.Release(256), "256 vs 0");
}

TEST_F(ArenaTest, PlanningPredictsTheRealArena) {
  Arena plan = Arena::ForPlanning();
  const auto run = [](Arena& arena) {
    const ArenaScope scope(arena);
    arena.Allocate(DType::kBFloat16, {7, 9});
    const ArenaScope inner(arena);
    arena.Allocate(DType::kFloat32, {1000});
  };
  run(plan);
  EXPECT_TRUE(plan.Allocate(DType::kFloat32, {1}));
  Arena real = Make(plan.high_water_bytes());
  run(real);
  EXPECT_EQ(real.high_water_bytes(), plan.high_water_bytes());
}

TEST_F(ArenaTest, ItsMemoryIsTheDevices) {
  {
    const Arena arena = Make(1000);
    EXPECT_EQ(device_.memory().current_bytes, 1000);
  }
  EXPECT_EQ(device_.memory().current_bytes, 0);
  EXPECT_EQ(device_.memory().peak_bytes, 1000);
}

TEST_F(ArenaTest, TooMuchIsResourceExhausted) {
  const absl::StatusOr<Arena> arena = Arena::Create(device_, int64_t{1} << 60);
  EXPECT_EQ(arena.status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace cogdist
