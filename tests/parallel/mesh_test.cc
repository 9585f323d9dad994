// The mesh, over every factorisation of up to 16 ranks.

#include "parallel/mesh.h"

#include <algorithm>
#include <functional>
#include <set>
#include <vector>

#include "gmock/gmock.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

void ForEachMesh(int max_ranks, const std::function<void(const Mesh&)>& body) {
  for (int t = 1; t <= max_ranks; ++t) {
    for (int c = 1; t * c <= max_ranks; ++c) {
      for (int d = 1; t * c * d <= max_ranks; ++d) {
        for (int p = 1; t * c * d * p <= max_ranks; ++p) {
          body(Mesh({t, c, d, p}));
        }
      }
    }
  }
}

TEST(MeshTest, TensorVariesFastestThenContextDataPipeline) {
  const Mesh mesh({2, 3, 4, 5});
  EXPECT_EQ(mesh.world_size(), 120);
  EXPECT_EQ(mesh.RankOf({1, 0, 0, 0}), 1);
  EXPECT_EQ(mesh.RankOf({0, 1, 0, 0}), 2);
  EXPECT_EQ(mesh.RankOf({0, 0, 1, 0}), 6);
  EXPECT_EQ(mesh.RankOf({0, 0, 0, 1}), 24);
  EXPECT_THAT(mesh.CoordinatesOf(24 * 3 + 6 * 2 + 2 * 1 + 1),
              ElementsAre(1, 1, 2, 3));
  EXPECT_EQ(mesh.Index(MeshAxis::kPipeline, 119), 4);
}

TEST(MeshTest, GroupsOfASmallMesh) {
  const Mesh mesh({2, 2, 2, 2});
  // Rank 5 is tensor 1, context 0, data 1, pipeline 0.
  EXPECT_THAT(mesh.Group(MeshAxis::kTensor, 5), ElementsAre(4, 5));
  EXPECT_THAT(mesh.Group(MeshAxis::kContext, 5), ElementsAre(5, 7));
  EXPECT_THAT(mesh.Group(MeshAxis::kData, 5), ElementsAre(1, 5));
  EXPECT_THAT(mesh.Group(MeshAxis::kPipeline, 5), ElementsAre(5, 13));
  EXPECT_THAT(mesh.ReplicaGroup(5), ElementsAre(1, 5, 3, 7));
}

TEST(MeshTest, RanksAndCoordinatesAreOneToOne) {
  ForEachMesh(16, [](const Mesh& mesh) {
    std::set<Mesh::Coordinates> seen;
    for (int rank = 0; rank < mesh.world_size(); ++rank) {
      const Mesh::Coordinates coordinates = mesh.CoordinatesOf(rank);
      EXPECT_EQ(mesh.RankOf(coordinates), rank);
      seen.insert(coordinates);
    }
    EXPECT_EQ(static_cast<int>(seen.size()), mesh.world_size());
  });
}

// Groups of an axis partition the ranks, and each member sees the same group.
void ExpectPartition(const Mesh& mesh, int group_size,
                     const std::function<std::vector<int>(int)>& group_of) {
  for (int rank = 0; rank < mesh.world_size(); ++rank) {
    const std::vector<int> group = group_of(rank);
    EXPECT_EQ(static_cast<int>(group.size()), group_size);
    EXPECT_EQ(std::count(group.begin(), group.end(), rank), 1);
    for (const int member : group) EXPECT_EQ(group_of(member), group);
  }
}

TEST(MeshTest, GroupsPartitionTheRanks) {
  ForEachMesh(16, [](const Mesh& mesh) {
    for (const MeshAxis axis : {MeshAxis::kTensor, MeshAxis::kContext,
                                MeshAxis::kData, MeshAxis::kPipeline}) {
      ExpectPartition(mesh, mesh.size(axis),
                      [&](int rank) { return mesh.Group(axis, rank); });
      for (int rank = 0; rank < mesh.world_size(); ++rank) {
        const std::vector<int> group = mesh.Group(axis, rank);
        EXPECT_EQ(group[mesh.Index(axis, rank)], rank);
      }
    }
    ExpectPartition(mesh,
                    mesh.size(MeshAxis::kData) * mesh.size(MeshAxis::kContext),
                    [&](int rank) { return mesh.ReplicaGroup(rank); });
  });
}

TEST(MeshTest, DataParallelismTakesWhatRemains) {
  ParallelConfig config;
  config.set_tensor(2);
  config.set_pipeline(3);
  const absl::StatusOr<Mesh> mesh = Mesh::Create(24, config);
  ASSERT_TRUE(mesh.ok()) << mesh.status();
  EXPECT_EQ(mesh->size(MeshAxis::kData), 4);
  EXPECT_EQ(Mesh::Create(1, {})->world_size(), 1);
}

TEST(MeshTest, RefusesWhatDoesNotDivide) {
  ParallelConfig config;
  config.set_tensor(2);
  config.set_context(3);
  EXPECT_THAT(Mesh::Create(16, config).status().message(),
              HasSubstr("16 ranks cannot be divided by tensor 2 x pipeline 1 x "
                        "context 3 = 6; start 12 or 18 ranks"));
  EXPECT_THAT(Mesh::Create(4, config).status().message(),
              HasSubstr("start 6 ranks"));
  config.set_tensor(0);
  EXPECT_THAT(Mesh::Create(4, config).status().message(),
              HasSubstr("parallel.tensor is 0; it is at least 1"));
}

}  // namespace
}  // namespace cogdist
