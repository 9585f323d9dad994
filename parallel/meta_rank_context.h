// A rank of a job that does not exist, for planning: a meta device, and groups
// that move nothing but count what they would.

#ifndef COGDIST_PARALLEL_META_RANK_CONTEXT_H_
#define COGDIST_PARALLEL_META_RANK_CONTEXT_H_

#include "parallel/mesh.h"
#include "parallel/rank_context.h"

namespace cogdist {

// Rank `rank` of `mesh`, which would compute on a `device`.
RankContext MakeMetaRankContext(const Mesh& mesh, int rank,
                                DeviceType device = DeviceType::kCpu);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_META_RANK_CONTEXT_H_
