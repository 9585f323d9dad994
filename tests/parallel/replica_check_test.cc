#include "parallel/replica_check.h"

#include <mutex>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/rank_threads.h"

namespace cogdist {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What ranks with these weights in tensor "b" find, the same on each. Ranks
// count from 10 in the world.
std::vector<std::string> Found(const std::vector<float>& weights) {
  std::mutex mutex;
  std::vector<std::vector<std::string>> found;
  testing::RunRanks(static_cast<int>(weights.size()),
                    [&](testing::TestRank& self) {
                      std::vector<float> same = {1, 2, 3};
                      std::vector<float> other = {4, weights[self.rank]};
                      const std::vector<ReplicatedTensor> tensors = {
                          {"a", TensorView::Of(same.data(), {3})},
                          {"b", TensorView::Of(other.data(), {2})}};
                      const std::vector<std::string> mine = CompareReplicas(
                          *self.world, 10 + self.rank, *self.compute, tensors);
                      const std::lock_guard<std::mutex> lock(mutex);
                      found.push_back(mine);
                    });
  for (const std::vector<std::string>& mine : found) EXPECT_EQ(mine, found[0]);
  return found[0];
}

TEST(ReplicaCheckTest, EqualReplicasAgree) {
  EXPECT_THAT(Found({7, 7, 7}), IsEmpty());
  EXPECT_THAT(Found({7}), IsEmpty());
}

TEST(ReplicaCheckTest, TheMinorityIsNamed) {
  EXPECT_THAT(Found({7, 7, 8}),
              ElementsAre(AllOf(HasSubstr("b differs on rank 12 from the other "
                                          "replicas"),
                                HasSubstr("ranks 10, 11: "))));
  EXPECT_THAT(Found({6, 7, 7, 8, 7}),
              ElementsAre(HasSubstr("b differs on ranks 10, 13 from")));
}

TEST(ReplicaCheckTest, WithoutAMajorityNobodyIsRight) {
  EXPECT_THAT(Found({7, 8}),
              ElementsAre(HasSubstr("b differs on ranks 10, 11; no majority "
                                    "tells which of them is right")));
}

TEST(ReplicaCheckTest, ZerosOfBothSignsDiffer) {
  EXPECT_THAT(Found({0.0f, -0.0f, 0.0f}), ElementsAre(HasSubstr("rank 11")));
}

// Copies in other groups than the replicas', e.g. norm gains.
TEST(ReplicaCheckTest, CopiesInTheirGroups) {
  testing::RunRanks(3, [](testing::TestRank& self) {
    const auto alone = self.world->Split({self.rank});
    ASSERT_TRUE(alone.ok());
    ParamStore params;
    const ParamStore::UnitId unit = params.AddUnit("block");
    params.Add(unit, {.tensors = {{.name = "matrix", .shape = {2, 2}}}});
    params.Add(unit, {.tensors = {{.name = "gain",
                                   .shape = {3},
                                   .copies = {self.world.get(), false}}}});
    ASSERT_TRUE(
        params.Allocate({.device = self.device, .stream = *self.compute}).ok());
    float* const matrix =
        params.master(params.tensors()[0].range).Data<float>();
    float* const gain = params.master(params.tensors()[1].range).Data<float>();
    matrix[0] = static_cast<float>(self.rank);  // its own part
    const auto check = [&] {
      return CheckReplicas(params, **alone, self.rank, *self.compute);
    };
    EXPECT_THAT(check(), IsEmpty());
    if (self.rank == 1) gain[2] = 1;
    EXPECT_THAT(check(), ElementsAre(HasSubstr("gain differs on rank 1 from")));
  });
}

// Ranks that have other elements of a tensor are not compared, as where tensor-
// parallel ranks share their copies out in different ways at ZeRO stage 3.
TEST(ReplicaCheckTest, OnlyEqualElementsAreCompared) {
  testing::RunRanks(4, [](testing::TestRank& self) {
    std::vector<float> values = {1, 2, 3, 4};
    values[0] += static_cast<float>(self.rank);
    const int64_t first = self.rank < 2 ? 0 : self.rank;
    const std::vector<ReplicatedTensor> tensors = {
        {"gain", TensorView::Of(values.data(), {4}), first}};
    EXPECT_THAT(
        CompareReplicas(*self.world, self.rank, *self.compute, tensors),
        ElementsAre(HasSubstr("gain differs on ranks 0, 1; no majority")));
  });
}

}  // namespace
}  // namespace cogdist
