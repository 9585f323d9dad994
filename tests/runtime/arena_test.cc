#include "runtime/arena.h"

#include <cstring>
#include <vector>

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

class SpillTest : public ArenaTest {
 protected:
  Arena MakeWithSpill(int64_t capacity, Arena& spill) {
    return *Arena::CreateWithSpill(device_, capacity, spill);
  }
  // `units` times 256 bytes.
  static TensorView Take(Arena& arena, int64_t units) {
    return arena.Allocate(DType::kFloat32, {64 * units});
  }
};

TEST_F(SpillTest, WhatDoesNotFitGoesToTheSpillArenaAndAllAfterIt) {
  Arena spill = Make(4096);
  Arena arena = MakeWithSpill(1024, spill);
  Take(arena, 2);
  const Arena::Mark own = arena.mark();
  Take(arena, 3);
  Take(arena, 1);  // would fit
  EXPECT_EQ(arena.used_bytes(), 6 * 256);
  EXPECT_EQ(arena.high_water_bytes(), 2 * 256);
  EXPECT_EQ(spill.used_bytes(), 4 * 256);
  arena.Release(own + 3 * 256);
  EXPECT_EQ(spill.used_bytes(), 3 * 256);
  arena.Release(own);
  EXPECT_EQ(spill.used_bytes(), 0);
  Take(arena, 2);  // its own memory again
  EXPECT_EQ(spill.used_bytes(), 0);
  EXPECT_EQ(arena.high_water_bytes(), 1024);
}

TEST_F(SpillTest, ReleaseBelowBothArenas) {
  Arena spill = Make(4096);
  Arena arena = MakeWithSpill(1024, spill);
  Take(arena, 1);
  const Arena::Mark mark = arena.mark();
  Take(arena, 2);
  Take(arena, 2);
  arena.Release(mark);
  EXPECT_EQ(arena.used_bytes(), 256);
  EXPECT_EQ(spill.used_bytes(), 0);
}

TEST_F(SpillTest, PassesInFlightShareTheTemporaries) {
  Arena spill = Make(1024);
  Arena first = MakeWithSpill(512, spill);
  Arena second = MakeWithSpill(512, spill);
  for (Arena* arena : {&first, &second}) {
    for (int layer = 0; layer < 2; ++layer) {
      Take(*arena, 1);  // saved
      const ArenaScope temporaries(*arena);
      Take(*arena, 4);
    }
  }
  EXPECT_EQ(first.used_bytes(), 512);
  EXPECT_EQ(second.used_bytes(), 512);
  EXPECT_EQ(spill.used_bytes(), 0);
  EXPECT_EQ(spill.high_water_bytes(), 1024);
}

TEST_F(SpillTest, TemporariesOfTwoPassesAtOnceAreABug) {
  Arena spill = Make(1024);
  Arena first = MakeWithSpill(0, spill);
  Arena second = MakeWithSpill(0, spill);
  Take(first, 1);
  Take(second, 1);
  EXPECT_DEATH(Take(first, 1), "512 vs 256");
  EXPECT_DEATH(first.Release(0), "512 vs 256");
}

TEST_F(SpillTest, FullSpillArenaIsABug) {
  Arena spill = Make(256);
  Arena arena = MakeWithSpill(256, spill);
  Take(arena, 1);
  EXPECT_DEATH(Take(arena, 2), "the arena of 256 bytes has 256 left");
}

TEST_F(SpillTest, PlanningPredictsBoth) {
  const auto run = [](Arena& arena) {
    const ArenaScope scope(arena);
    Take(arena, 3);
    const ArenaScope inner(arena);
    Take(arena, 5);
  };
  Arena planned_spill = Arena::ForPlanning();
  Arena plan = Arena::ForPlanningWithSpill(1024, planned_spill);
  run(plan);
  EXPECT_EQ(plan.high_water_bytes(), 3 * 256);
  Arena spill = Make(planned_spill.high_water_bytes());
  Arena arena = MakeWithSpill(1024, spill);
  run(arena);
  EXPECT_EQ(spill.high_water_bytes(), 5 * 256);
}

// Against a list of what is allocated: each tensor keeps the bytes written to
// it and lies where the rule says.
TEST_F(SpillTest, RandomUseKeepsStackDiscipline) {
  struct Allocated {
    Arena::Mark before = 0;
    bool spilled = false;
    TensorView tensor;
    unsigned char value = 0;
  };
  constexpr int64_t kCapacity = 16 * 256;
  Arena spill = Make(1 << 20);
  Take(spill, 3);  // somebody else's, below
  Arena arena = MakeWithSpill(kCapacity, spill);
  const auto is_own = [&](const TensorView& x, const TensorView& start) {
    const auto offset =
        static_cast<char*>(x.data) - static_cast<char*>(start.data);
    return offset >= 0 && offset < kCapacity;
  };
  const TensorView start = arena.Allocate(DType::kFloat32, {0});
  std::vector<Allocated> model;
  uint64_t random = 1;
  const auto next = [&random](int below) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int>((random >> 33) % below);
  };
  int64_t own = 0;
  int64_t spilled = 0;
  for (int round = 0; round < 20000; ++round) {
    if (model.size() < 12 && next(5) < 3) {
      const int64_t units = next(6);
      const bool spills = spilled > 0 || own + units * 256 > kCapacity;
      model.push_back({.before = arena.mark(),
                       .spilled = spills,
                       .tensor = Take(arena, units),
                       .value = static_cast<unsigned char>(round)});
      const Allocated& last = model.back();
      std::memset(last.tensor.data, last.value, last.tensor.bytes());
      (spills ? spilled : own) += units * 256;
      if (units > 0) {
        ASSERT_EQ(is_own(last.tensor, start), !spills);
      }
    } else if (!model.empty()) {
      const size_t kept = next(model.size());
      arena.Release(model[kept].before);
      while (model.size() > kept) {
        const Allocated& last = model.back();
        const auto* bytes = static_cast<unsigned char*>(last.tensor.data);
        for (int64_t i = 0; i < last.tensor.bytes(); ++i) {
          ASSERT_EQ(bytes[i], last.value);
        }
        (last.spilled ? spilled : own) -= last.tensor.bytes();
        model.pop_back();
      }
    }
    ASSERT_EQ(arena.used_bytes(), own + spilled);
    ASSERT_EQ(spill.used_bytes(), 3 * 256 + spilled);
  }
}

}  // namespace
}  // namespace cogdist
