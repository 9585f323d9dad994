#include "parallel/rank_context.h"

#include <utility>

#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::StatusOr<Communicators> SplitWorld(std::unique_ptr<Communicator> world,
                                         const Mesh& mesh) {
  const int rank = world->rank();
  const auto axis_group = [&](MeshAxis axis, absl::string_view name,
                              Communicator::Carries carries) {
    return world->Split(mesh.Group(axis, rank), name, carries);
  };
  constexpr auto kTensors = Communicator::Carries::kTensorsAndControl;
  constexpr auto kControl = Communicator::Carries::kControl;
  Communicators groups;
  COG_ASSIGN_OR_RETURN(groups.tensor,
                       axis_group(MeshAxis::kTensor, "tensor", kTensors));
  COG_ASSIGN_OR_RETURN(groups.context,
                       axis_group(MeshAxis::kContext, "context", kTensors));
  COG_ASSIGN_OR_RETURN(groups.pipeline,
                       axis_group(MeshAxis::kPipeline, "pipeline", kControl));
  COG_ASSIGN_OR_RETURN(groups.replicas,
                       world->Split(mesh.ReplicaGroup(rank), "replicas"));
  groups.world = std::move(world);
  return groups;
}

}  // namespace

absl::StatusOr<RankContext> MakeRankContext(
    const Placement& placement, const Mesh& mesh,
    std::unique_ptr<Device> device, std::unique_ptr<Communicator> world) {
  COG_CHECK_EQ(mesh.world_size(), placement.world_size);
  COG_CHECK_EQ(world->size(), placement.world_size);
  COG_CHECK_EQ(world->rank(), placement.rank);
  RankContext context;
  context.placement = placement;
  context.mesh = mesh;
  context.device = std::move(device);
  COG_ASSIGN_OR_RETURN(context.groups, SplitWorld(std::move(world), mesh));
  for (std::unique_ptr<Stream>* stream :
       {&context.streams.compute, &context.streams.replicas,
        &context.streams.tensor, &context.streams.context}) {
    *stream = context.device->CreateStream();
  }
  return context;
}

}  // namespace cogdist
