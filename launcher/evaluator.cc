#include "launcher/evaluator.h"

#include <algorithm>
#include <array>
#include <numbers>
#include <utility>

#include "launcher/config.h"
#include "parallel/step_totals.h"
#include "runtime/data/dataset_meta.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// From the datasets' meta files; none where one of them does not say.
std::optional<double> BytesPerToken(
    const std::vector<DatasetSource>& datasets) {
  int64_t bytes = 0, tokens = 0;
  for (const DatasetSource& dataset : datasets) {
    const absl::StatusOr<DatasetMeta> meta = ReadDatasetMeta(dataset.prefix);
    if (!meta.ok() || meta->text_bytes == 0) return std::nullopt;
    bytes += meta->text_bytes;
    tokens += meta->tokens;
  }
  return static_cast<double>(bytes) / tokens;
}

}  // namespace

std::vector<DatasetSource> SourcesOf(
    const google::protobuf::RepeatedPtrField<DatasetConfig>& datasets) {
  std::vector<DatasetSource> sources;
  for (const DatasetConfig& dataset : datasets) {
    sources.push_back({.prefix = dataset.prefix(), .weight = dataset.weight()});
  }
  return sources;
}

BatchSpec BatchSpecOf(const RunConfig& config, const RankContext& context) {
  const DataConfig& data = config.data();
  return {.seq_len = data.seq_len(),
          .global_batch_size = config.batch().global_batch_size(),
          .micro_batch_size = SequencesPerPass(config),
          .data_rank = context.mesh.Index(MeshAxis::kData, context.rank()),
          .data_size = context.mesh.size(MeshAxis::kData),
          .shuffle = data.shuffle(),
          .document_mask = data.document_mask(),
          .eos_token_id = data.has_eos_token_id() ? data.eos_token_id() : -1,
          .vocab_size = config.model().cogformer().vocab_size(),
          .seed = config.seed()};
}

absl::StatusOr<Evaluator> Evaluator::Open(
    const RunConfig& config, const std::vector<DatasetSource>& datasets,
    const RankContext& context) {
  COG_ASSIGN_OR_RETURN(
      BatchLoader loader,
      BatchLoader::OpenForEvaluation(datasets, BatchSpecOf(config, context)));
  return Evaluator(std::move(loader), BytesPerToken(datasets));
}

absl::StatusOr<EvaluationResult> Evaluator::Run(ModelRunner& runner,
                                                Evaluate evaluate,
                                                const RankContext& context,
                                                int64_t max_batches) {
  const int64_t batches = std::min(max_batches, num_batches());
  for (int64_t step = 1; step <= batches; ++step) {
    const auto load = [&](int64_t micro_batch, Batch& batch) {
      return loader_.Load(step, micro_batch, batch);
    };
    COG_RETURN_IF_ERROR(evaluate(load));
  }
  runner.ReadLoss();
  context.streams.compute->Synchronize();
  const ModelRunner::Loss mine = runner.TakeLoss();
  Communicator& world = *context.groups.world;
  // Exact, so that the result does not depend on who has evaluated what.
  const ExactSum sum = Total(world, {.loss = mine.sum}).loss;
  std::array<double, 1> targets = {static_cast<double>(mine.targets)};
  world.AllReduceSumHost(absl::MakeSpan(targets));
  EvaluationResult result = {.loss = sum.Value() / targets[0],
                             .targets = static_cast<int64_t>(targets[0])};
  if (bytes_per_token_.has_value()) {
    result.bits_per_byte = result.loss / std::numbers::ln2 / *bytes_per_token_;
  }
  return result;
}

}  // namespace cogdist
