// Which part of the work a rank has. Ranks are laid out as a four-dimensional
// grid; the axis that talks most varies fastest, so that its groups sit inside
// a node:
//   rank = tensor + T * (context + C * (data + D * pipeline))
// with T, C, D, P ranks along the axes.

#ifndef COGDIST_PARALLEL_MESH_H_
#define COGDIST_PARALLEL_MESH_H_

#include <array>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/run_config.pb.h"

namespace cogdist {

// In rank order, fastest first.
enum class MeshAxis { kTensor, kContext, kData, kPipeline };

class Mesh {
 public:
  static constexpr int kNumAxes = 4;
  // Along each axis, by MeshAxis.
  using Coordinates = std::array<int, kNumAxes>;

  // The mesh of one rank.
  Mesh() : sizes_{1, 1, 1, 1} {}
  explicit Mesh(const Coordinates& sizes);
  // Degrees from the configuration; data parallelism takes what remains.
  // INVALID_ARGUMENT names the field and rank counts that would work.
  static absl::StatusOr<Mesh> Create(int world_size,
                                     const ParallelConfig& config);

  int world_size() const;
  int size(MeshAxis axis) const { return sizes_[static_cast<int>(axis)]; }

  Coordinates CoordinatesOf(int rank) const;
  int RankOf(const Coordinates& coordinates) const;
  // One coordinate of `rank`.
  int Index(MeshAxis axis, int rank) const {
    return CoordinatesOf(rank)[static_cast<int>(axis)];
  }

  // The ranks that differ from `rank` along `axis` only, it included, in the
  // order of that coordinate.
  std::vector<int> Group(MeshAxis axis, int rank) const;
  // The ranks that hold the same parameters: data x context. Data varies
  // fastest, so that a sum over neighbours first adds up whole batches before
  // it adds parts of sequences: in the same order for every data degree.
  std::vector<int> ReplicaGroup(int rank) const;

 private:
  Coordinates sizes_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_MESH_H_
