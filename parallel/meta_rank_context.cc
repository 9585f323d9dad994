#include "parallel/meta_rank_context.h"

#include <memory>
#include <utility>

#include "parallel/host_communicator.h"
#include "parallel/meta_transport.h"
#include "parallel/single_communicator.h"
#include "runtime/check.h"
#include "runtime/meta/meta_device.h"

namespace cogdist {

RankContext MakeMetaRankContext(const Mesh& mesh, int rank,
                                DeviceType stands_for) {
  auto device = std::make_unique<MetaDevice>(stands_for);
  const int size = mesh.world_size();
  std::unique_ptr<Communicator> world;
  if (size == 1) {
    world = std::make_unique<SingleCommunicator>();
  } else {
    world = std::make_unique<HostCommunicator>(
        std::make_unique<MetaTransport>(rank, size), *device);
  }
  absl::StatusOr<RankContext> context =
      MakeRankContext({.rank = rank, .world_size = size}, mesh,
                      std::move(device), std::move(world));
  COG_CHECK_OK(context.status());  // nothing in it can fail
  return *std::move(context);
}

}  // namespace cogdist
