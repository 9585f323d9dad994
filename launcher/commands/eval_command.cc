#include <iostream>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/commands/commands.h"
#include "launcher/evaluator.h"
#include "launcher/inference.h"
#include "launcher/metrics_log.h"
#include "launcher/rank_program.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::StatusOr<std::vector<DatasetSource>> DatasetsOf(
    const ParsedCommand& command, const RunConfig& config) {
  std::vector<DatasetSource> datasets;
  for (const std::string& prefix : command.All("data")) {
    datasets.push_back({.prefix = prefix});
  }
  if (datasets.empty()) datasets = SourcesOf(config.data().validation());
  if (datasets.empty()) {
    return absl::InvalidArgumentError(
        "data.validation: not set; name a dataset there or with --data");
  }
  return datasets;
}

void Print(const EvaluationResult& result) {
  std::cout << absl::StrFormat("loss %.6f\nperplexity %.4f\n", result.loss,
                               Perplexity(result.loss));
  if (result.bits_per_byte.has_value()) {
    std::cout << absl::StrFormat("bits_per_byte %.4f\n", *result.bits_per_byte);
  }
  std::cout << "tokens " << result.targets << std::endl;
}

absl::StatusOr<ExitCode> RunEval(const ParsedCommand& command) {
  COG_ASSIGN_OR_RETURN(RunConfig config, LoadInferenceConfig(command));
  // A fit batch for any number of ranks: evaluation does not depend on it.
  const int64_t rows = config.batch().micro_batch_size();
  std::vector<DatasetSource> datasets;
  const auto check = [&](int world_size) -> absl::Status {
    config.mutable_batch()->set_global_batch_size(rows * world_size);
    COG_ASSIGN_OR_RETURN(datasets, DatasetsOf(command, config));
    return absl::OkStatus();
  };
  const auto body = [&](RankContext& context) -> absl::StatusOr<ExitCode> {
    COG_ASSIGN_OR_RETURN(Evaluator evaluator,
                         Evaluator::Open(config, datasets, context));
    COG_ASSIGN_OR_RETURN(
        const std::unique_ptr<ModelRunner> runner,
        ModelRunner::Create(config, ParamStore::Use::kInference,
                            *context.device, *context.compute));
    COG_RETURN_IF_ERROR(LoadTrainedWeights(config,
                                           command.Text("checkpoint", ""),
                                           runner->params(), *context.compute));
    COG_ASSIGN_OR_RETURN(
        const EvaluationResult result,
        evaluator.Run(*runner, context, evaluator.num_batches()));
    if (context.rank() == 0) Print(result);
    return ExitCode::kDone;
  };
  return RunAsRank(config, check, body);
}

}  // namespace

Command EvalCommand() {
  return {
      .name = "eval",
      .summary = "loss, perplexity and bits per byte of a trained model",
      .arguments = {kConfigArgument},
      .flags =
          {
              kSetFlag,
              {.name = "checkpoint",
               .value = "PATH",
               .help = "A safetensors file, or a folder of them; the final "
                       "weights in the run directory by default."},
              {.name = "data",
               .value = "PREFIX",
               .help = "Dataset to evaluate, whole; data.validation by "
                       "default.",
               .repeatable = true},
          },
      .notes = "Under mpirun or srun the ranks share the work.",
      .run = RunEval,
  };
}

}  // namespace cogdist
