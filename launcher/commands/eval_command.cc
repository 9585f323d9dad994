#include <algorithm>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_format.h"
#include "launcher/commands/commands.h"
#include "launcher/evaluator.h"
#include "launcher/inference.h"
#include "launcher/metrics_log.h"
#include "launcher/rank_program.h"
#include "launcher/shared_memory_check.h"
#include "launcher/validate.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// The configuration, with what is to be evaluated as data.validation.
absl::StatusOr<RunConfig> LoadConfig(const ParsedCommand& command) {
  COG_ASSIGN_OR_RETURN(RunConfig config, LoadInferenceConfig(command));
  DataConfig& data = *config.mutable_data();
  if (command.Has("data")) data.clear_validation();
  for (const std::string& prefix : command.All("data")) {
    data.add_validation()->set_prefix(prefix);
  }
  if (data.validation().empty()) {
    return absl::InvalidArgumentError(
        "data.validation: not set; name a dataset there or with --data");
  }
  return config;
}

// Fits the configuration to the ranks that evaluate. A lone process does it
// alone, however many ranks the training had.
void FitToRanks(int64_t ranks, RunConfig& config) {
  if (ranks == 1) config.clear_parallel();
  // A batch for any number of them: the result does not depend on it. Every
  // pipeline stage has a micro-batch to work on.
  const ParallelConfig& parallel = config.parallel();
  const int64_t others = parallel.tensor() * parallel.context();
  config.mutable_batch()->set_global_batch_size(
      config.batch().micro_batch_size() *
      std::max<int64_t>(ranks / std::max<int64_t>(others, 1), 1));
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
  COG_ASSIGN_OR_RETURN(RunConfig config, LoadConfig(command));
  const auto check = [&](const Placement& placement, Communicator&,
                         const Device& device) -> absl::Status {
    FitToRanks(placement.world_size, config);
    COG_RETURN_IF_ERROR(ValidateConfig(
        config, {.world_size = placement.world_size,
                 .purpose = ValidateOptions::Purpose::kEvaluation}));
    return CheckSharedMemory(config, Passes::kForward, device);
  };
  const auto body = [&](RankContext& context) -> absl::StatusOr<ExitCode> {
    COG_ASSIGN_OR_RETURN(
        Evaluator evaluator,
        Evaluator::Open(config, SourcesOf(config.data().validation()),
                        context));
    COG_ASSIGN_OR_RETURN(
        const std::unique_ptr<ModelRunner> runner,
        ModelRunner::Create(config, ParamStore::Use::kInference, context));
    COG_RETURN_IF_ERROR(LoadTrainedWeights(
        config, command.Text("checkpoint", ""), context, runner->params()));
    UnitHooks no_hooks;
    const auto evaluate = [&](ModelRunner::LoadMicroBatch load) {
      const absl::Status loaded = runner->Load(load);
      runner->Evaluate(no_hooks);
      return loaded;
    };
    const absl::StatusOr<EvaluationResult> result =
        evaluator.Run(*runner, evaluate, context, evaluator.num_batches());
    COG_RETURN_IF_ERROR(WhileRunning(result.status()));
    if (context.rank() == 0) Print(*result);
    return ExitCode::kDone;
  };
  return RunAsRank({.config = config,
                    .options = "eval",
                    .device = config.device(),
                    .check = check,
                    .body = body});
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
              kCheckpointFlag,
              {.name = "data",
               .value = "PREFIX",
               .help = "Dataset to evaluate, whole, in the place of "
                       "data.validation.",
               .repeatable = true},
          },
      .notes =
          "Under mpirun or srun the ranks share the work, in the layout "
          "of `parallel`; a\nlone process needs no particular layout.",
      .run = RunEval,
  };
}

}  // namespace cogdist
