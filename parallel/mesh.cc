#include "parallel/mesh.h"

#include "absl/strings/str_cat.h"
#include "runtime/check.h"

namespace cogdist {
namespace {

constexpr int kContext = static_cast<int>(MeshAxis::kContext);
constexpr int kData = static_cast<int>(MeshAxis::kData);

absl::Status CheckDegree(absl::string_view field, int64_t degree) {
  if (degree >= 1 && degree <= (1 << 20)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("parallel.", field, " is ", degree, "; it is at least 1"));
}

}  // namespace

Mesh::Mesh(const Coordinates& sizes) : sizes_(sizes) {
  for (const int size : sizes_) COG_CHECK_GE(size, 1);
}

absl::StatusOr<Mesh> Mesh::Create(int world_size,
                                  const ParallelConfig& config) {
  for (const absl::Status& status :
       {CheckDegree("tensor", config.tensor()),
        CheckDegree("context", config.context()),
        CheckDegree("pipeline", config.pipeline())}) {
    if (!status.ok()) return status;
  }
  const int64_t model_ranks =
      config.tensor() * config.context() * config.pipeline();
  if (world_size < 1 || world_size % model_ranks != 0) {
    const int64_t below = world_size / model_ranks * model_ranks;
    return absl::InvalidArgumentError(absl::StrCat(
        "parallel: ", world_size, " ranks cannot be divided by tensor ",
        config.tensor(), " x pipeline ", config.pipeline(), " x context ",
        config.context(), " = ", model_ranks, "; start ",
        below > 0 ? absl::StrCat(below, " or ") : "", below + model_ranks,
        " ranks, or lower a degree"));
  }
  return Mesh({static_cast<int>(config.tensor()),
               static_cast<int>(config.context()),
               static_cast<int>(world_size / model_ranks),
               static_cast<int>(config.pipeline())});
}

int Mesh::world_size() const {
  int product = 1;
  for (const int size : sizes_) product *= size;
  return product;
}

Mesh::Coordinates Mesh::CoordinatesOf(int rank) const {
  COG_CHECK(rank >= 0 && rank < world_size(), "no rank ", rank);
  Coordinates coordinates;
  for (int axis = 0; axis < kNumAxes; ++axis) {
    coordinates[axis] = rank % sizes_[axis];
    rank /= sizes_[axis];
  }
  return coordinates;
}

int Mesh::RankOf(const Coordinates& coordinates) const {
  int rank = 0;
  for (int axis = kNumAxes - 1; axis >= 0; --axis) {
    COG_CHECK(coordinates[axis] >= 0 && coordinates[axis] < sizes_[axis]);
    rank = rank * sizes_[axis] + coordinates[axis];
  }
  return rank;
}

std::vector<int> Mesh::Group(MeshAxis axis, int rank) const {
  Coordinates coordinates = CoordinatesOf(rank);
  std::vector<int> group;
  for (int i = 0; i < size(axis); ++i) {
    coordinates[static_cast<int>(axis)] = i;
    group.push_back(RankOf(coordinates));
  }
  return group;
}

std::vector<int> Mesh::ReplicaGroup(int rank) const {
  Coordinates coordinates = CoordinatesOf(rank);
  std::vector<int> group;
  for (int context = 0; context < sizes_[kContext]; ++context) {
    for (int data = 0; data < sizes_[kData]; ++data) {
      coordinates[kData] = data;
      coordinates[kContext] = context;
      group.push_back(RankOf(coordinates));
    }
  }
  return group;
}

}  // namespace cogdist
