#include "models/model_groups.h"

#include <numeric>
#include <vector>

#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// The tensor-parallel ranks with the key/value head of this one.
std::vector<int> KvCopies(int kv_heads, const Communicator& tensor) {
  const int copies = tensor.size() / kv_heads;
  std::vector<int> members(copies);
  std::iota(members.begin(), members.end(), tensor.rank() / copies * copies);
  return members;
}

// Whether the first and the last stage both hold the embedding table, and this
// rank is one of them.
bool HasTiedTable(const CogformerConfig& model, const Communicator& pipeline) {
  const int last = pipeline.size() - 1;
  return model.tie_embeddings() && last > 0 &&
         (pipeline.rank() == 0 || pipeline.rank() == last);
}

}  // namespace

absl::StatusOr<ModelGroups> MakeModelGroups(const RunConfig& config,
                                            RankContext& context) {
  const CogformerConfig& model = config.model().cogformer();
  Communicators& groups = context.groups;
  ModelGroups result;
  if (model.num_kv_heads() < groups.tensor->size()) {
    COG_ASSIGN_OR_RETURN(
        result.kv_copies,
        groups.tensor->Split(KvCopies(model.num_kv_heads(), *groups.tensor),
                             "key/value copies"));
  }
  if (HasTiedTable(model, *groups.pipeline)) {
    COG_ASSIGN_OR_RETURN(
        result.tied, groups.pipeline->Split({0, groups.pipeline->size() - 1},
                                            "tied tables"));
  }
  result.parallel = {
      .tensor = groups.tensor.get(),
      .kv_copies = result.kv_copies.get(),
      .tied = result.tied.get(),
      .context = groups.context.get(),
      .tensor_stream = context.streams.tensor.get(),
      .context_stream = context.streams.context.get(),
      .sequence_parallel = config.parallel().sequence_parallel(),
      .layout_invariant = config.deterministic() == LAYOUT_INVARIANT};
  return result;
}

}  // namespace cogdist
