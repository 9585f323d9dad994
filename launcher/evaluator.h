// The loss of a model on held-out data.

#ifndef COGDIST_LAUNCHER_EVALUATOR_H_
#define COGDIST_LAUNCHER_EVALUATOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "launcher/model_runner.h"
#include "parallel/rank_context.h"
#include "proto/run_config.pb.h"
#include "runtime/data/batch_loader.h"

namespace cogdist {

struct EvaluationResult {
  double loss = 0;      // mean cross-entropy of the targets, in nats
  int64_t targets = 0;  // tokens predicted
  // The loss per byte of text, in bits; none where the datasets do not say how
  // many bytes their tokens stand for.
  std::optional<double> bits_per_byte;
};

// Belongs to one rank; every rank of the data-parallel group has one.
class Evaluator {
 public:
  // Batches of `datasets` in file order, shared out over the data-parallel
  // ranks of `context` like those of training.
  static absl::StatusOr<Evaluator> Open(
      const RunConfig& config, const std::vector<DatasetSource>& datasets,
      const RankContext& context);

  // Runs the forward passes of one batch; their losses add up in the runner.
  using Evaluate =
      absl::FunctionRef<absl::Status(ModelRunner::LoadMicroBatch load)>;

  // Evaluates at most `max_batches` global batches. Collective; all ranks get
  // the same result.
  absl::StatusOr<EvaluationResult> Run(ModelRunner& runner, Evaluate evaluate,
                                       const RankContext& context,
                                       int64_t max_batches);

  int64_t num_batches() const { return loader_.num_batches(); }

 private:
  Evaluator(BatchLoader loader, std::optional<double> bytes_per_token)
      : loader_(std::move(loader)), bytes_per_token_(bytes_per_token) {}

  BatchLoader loader_;
  std::optional<double> bytes_per_token_;
};

// The configuration's datasets as the loader wants them.
std::vector<DatasetSource> SourcesOf(
    const google::protobuf::RepeatedPtrField<DatasetConfig>& datasets);

// What the loader has to know of the run and of this rank.
BatchSpec BatchSpecOf(const RunConfig& config, const RankContext& context);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_EVALUATOR_H_
