#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "launcher/commands/commands.h"
#include "launcher/config.h"
#include "launcher/dry_run.h"
#include "launcher/human_format.h"
#include "launcher/memory_check.h"
#include "launcher/rank_log.h"
#include "launcher/rank_program.h"
#include "launcher/run_description.h"
#include "launcher/run_directory.h"
#include "launcher/run_reporter.h"
#include "launcher/stop_request.h"
#include "launcher/trainer.h"
#include "launcher/validate.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

struct TrainOptions {
  RunConfig config;
  int64_t last_step = 0;
  bool dry_run = false;
  int64_t planned_ranks = 0;  // --ranks; 0: those of this job
  bool move_aside = false;    // --resume none
  FaultInjection fault;
};

absl::StatusOr<TrainOptions> ReadOptions(const ParsedCommand& command) {
  TrainOptions options;
  COG_ASSIGN_OR_RETURN(options.config, LoadRunConfig(command.arguments()[0],
                                                     command.All("set")));
  const int64_t train_steps = options.config.train_steps();
  COG_ASSIGN_OR_RETURN(const int64_t steps,
                       command.Integer("steps", train_steps, {.min = 1}));
  options.last_step = std::min(steps, train_steps);
  options.dry_run = command.Has("dry_run");
  COG_ASSIGN_OR_RETURN(options.planned_ranks,
                       command.Integer("ranks", 0, {.min = 1}));
  if (command.Has("ranks") && !options.dry_run) {
    return absl::InvalidArgumentError(
        "--ranks: only with --dry_run; a run has the ranks that mpirun or srun "
        "starts");
  }
  const std::string resume = command.Text("resume", "auto");
  options.move_aside = resume == "none";
  if (resume != "auto" && resume != "none") {
    return absl::UnimplementedError(
        "--resume: checkpoints are not built yet; use `none` to start afresh, "
        "or init_from to start from weights");
  }
  const char* const fault = std::getenv("COGDIST_FAULT");
  COG_ASSIGN_OR_RETURN(options.fault,
                       FaultInjection::Parse(fault == nullptr ? "" : fault));
  for (const absl::string_view flag : {"profile", "allow_change"}) {
    if (command.Has(flag)) {
      return absl::UnimplementedError(
          absl::StrCat("--", flag, ": not built yet; leave it out"));
    }
  }
  return options;
}

// What besides the configuration has to be the same on all ranks.
std::string Describe(const TrainOptions& options) {
  return absl::StrCat("train up to step ", options.last_step,
                      options.move_aside ? ", afresh" : "",
                      options.dry_run ? ", as a dry run" : "");
}

// What this rank can see for itself.
absl::Status CheckAlone(const TrainOptions& options,
                        const Placement& placement) {
  if (options.fault.rank().value_or(0) >= placement.world_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("COGDIST_FAULT: no rank ", *options.fault.rank(),
                     " in a job of ", placement.world_size, " ranks"));
  }
  const int64_t ranks =
      options.planned_ranks > 0 ? options.planned_ranks : placement.world_size;
  COG_RETURN_IF_ERROR(ValidateConfig(
      options.config, {.world_size = ranks, .check_files = !options.dry_run}));
  if (options.dry_run || options.move_aside) return absl::OkStatus();
  return RunDirectory(options.config.run_dir()).CheckContinuable();
}

absl::Status Check(const TrainOptions& options, const Placement& placement,
                   Communicator& world) {
  const absl::Status alone = Agree(world, CheckAlone(options, placement));
  if (!alone.ok() || options.dry_run) return alone;
  COG_ASSIGN_OR_RETURN(const std::vector<PlacedPlan> plans,
                       GatherPlans(options.config, placement, world));
  return CheckMemory(options.config, placement, plans, AvailableMemoryBytes());
}

RunLayout LayoutOf(const RankContext& context) {
  return {.mesh = context.mesh, .threads = context.placement.num_threads};
}

// Rank 0: the run directory and the reporter in it.
absl::StatusOr<std::unique_ptr<RunReporter>> OpenRun(
    const TrainOptions& options, const Trainer& trainer) {
  const RunConfig& config = options.config;
  const bool has_file = config.has_tokenizer() && config.tokenizer() != "bytes";
  COG_ASSIGN_OR_RETURN(
      const RunDirectory directory,
      RunDirectory::Create({.path = config.run_dir(),
                            .config_text = PrintRunConfig(config),
                            .tokenizer = has_file ? config.tokenizer() : "",
                            .move_aside = options.move_aside}));
  return RunReporter::Create(config, directory, trainer.samples_per_epoch());
}

ExitCode ExitCodeFor(Trainer::End end) {
  switch (end) {
    case Trainer::End::kTrained:
      return ExitCode::kDone;
    case Trainer::End::kStopped:
    case Trainer::End::kReplicasDiffer:
      return ExitCode::kFailed;
    case Trainer::End::kGaveUp:
      return ExitCode::kGaveUp;
  }
  return ExitCode::kFailed;
}

// Shows this rank's row to the others of its node. A file system that cannot do
// that is no reason not to train.
void ShareLedger(const RunDirectory& directory, Ledger& ledger, RankLog& log) {
  const std::string& host = ledger.ranks()[ledger.rank()].host;
  const absl::Status shared = ledger.Share(directory.ledger_path(host));
  if (!shared.ok()) log.Warning(shared.message());
}

// This rank's log, in the directory that rank 0 has made by now.
absl::StatusOr<RankLog> OpenLog(const RunConfig& config,
                                const RankContext& context) {
  context.groups.world->Barrier();
  const RunDirectory directory(config.run_dir());
  COG_ASSIGN_OR_RETURN(
      RankLog log, RankLog::Open(directory.log_path(context.rank()),
                                 context.rank() == 0 ? &std::cerr : nullptr));
  const Placement& placement = context.placement;
  log.Info(absl::StrCat("cogdist ", COGDIST_VERSION, ", process ", getpid(),
                        ": rank ", placement.rank, " of ", placement.world_size,
                        ", ", placement.num_threads, " threads"));
  if (context.ledger != nullptr) {
    ShareLedger(directory, *context.ledger, log);
  }
  return log;
}

// What ended the run before its last step; empty: nothing.
std::string StoppedBy(Trainer::End end, const RunConfig& config,
                      const StopRequest& stop) {
  switch (end) {
    case Trainer::End::kTrained:
      return "";
    case Trainer::End::kStopped:
      return stop.requested() ? stop.reason() : "a request to another rank";
    case Trainer::End::kGaveUp:
      return absl::StrCat(config.resilience().max_consecutive_skips(),
                          " steps in a row whose loss or gradient norm is not "
                          "finite");
    case Trainer::End::kReplicasDiffer:
      return "ranks that should hold the same weights and do not,";
  }
  return "";
}

void LogEnd(Trainer::End end, absl::string_view stopped_by,
            const Trainer& trainer, RankLog& log) {
  switch (end) {
    case Trainer::End::kTrained:
      log.Info("trained to the end");
      return;
    case Trainer::End::kStopped:
      log.Warning(absl::StrCat(
          "stopped by ", stopped_by,
          "; the weights were written, but this run cannot be resumed"));
      return;
    case Trainer::End::kGaveUp:
      log.Error(
          absl::StrCat("stopped by ", stopped_by,
                       "; lower lr_schedule.peak_lr or look at the data; "
                       "log/diagnostics_rank_*.txt in the run directory show "
                       "the tensors"));
      return;
    case Trainer::End::kReplicasDiffer:
      log.Error(absl::StrCat(
          "the weights are damaged and were not written; start again, and "
          "look at the machines of these ranks:\n  ",
          trainer.differences()));
      return;
  }
}

// The run itself, after everything that can be wrong has been checked.
absl::StatusOr<ExitCode> Train(const TrainOptions& options,
                               RankContext& context, Trainer& trainer,
                               const StopRequest& stop) {
  const RunConfig& config = options.config;
  std::unique_ptr<RunReporter> reporter;
  if (context.rank() == 0) {
    COG_ASSIGN_OR_RETURN(reporter, OpenRun(options, trainer));
    reporter->Start(LayoutOf(context), trainer.plan());
  }
  COG_ASSIGN_OR_RETURN(RankLog log, OpenLog(config, context));
  const absl::StatusOr<Trainer::End> end =
      trainer.Run(stop, options.last_step, reporter.get());
  COG_RETURN_IF_ERROR(WhileRunning(end.status()));
  const std::string stopped_by = StoppedBy(*end, config, stop);
  const RunDirectory directory(config.run_dir());
  if (*end == Trainer::End::kGaveUp) {
    COG_RETURN_IF_ERROR(WhileRunning(
        trainer.WriteDiagnostics(directory.diagnostics_path(context.rank()))));
  }
  const bool good = *end != Trainer::End::kReplicasDiffer;
  const std::string weights = good ? directory.weights_path() : "";
  if (good) COG_RETURN_IF_ERROR(WhileRunning(trainer.SaveWeights(weights)));
  if (reporter != nullptr) reporter->End(stopped_by, weights);
  LogEnd(*end, stopped_by, trainer, log);
  return ExitCodeFor(*end);
}

absl::StatusOr<ExitCode> TrainRank(const TrainOptions& options,
                                   RankContext& context) {
  if (options.dry_run) {
    COG_RETURN_IF_ERROR(DryRun(options.config, context, std::cout));
    return ExitCode::kDone;
  }
  const StopRequest stop(options.config.time_limit_seconds());
  context.fault = options.fault;
  context.fault.Reach(FaultPoint::kStart, 0, context.rank());
  absl::StatusOr<std::unique_ptr<Trainer>> trainer =
      Trainer::Create(options.config, context);
  const absl::Status agreed = Agree(*context.groups.world, trainer.status());
  if (!agreed.ok() && context.rank() != 0) return ExitCodeOf(agreed);
  COG_RETURN_IF_ERROR(agreed);  // rank 0 reports it for all
  return Train(options, context, **trainer, stop);
}

// --dry_run --ranks: this process imagines the job, and is no rank of one.
absl::StatusOr<ExitCode> PlanOtherJob(const TrainOptions& options) {
  COG_RETURN_IF_ERROR(ValidateConfig(
      options.config,
      {.world_size = options.planned_ranks, .check_files = false}));
  COG_RETURN_IF_ERROR(
      DryRunFor(options.config, options.planned_ranks, std::cout));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> RunTrain(const ParsedCommand& command) {
  COG_ASSIGN_OR_RETURN(const TrainOptions options, ReadOptions(command));
  if (options.planned_ranks > 0) return PlanOtherJob(options);
  return RunAsRank(
      options.config, Describe(options),
      [&](const Placement& placement, Communicator& world) {
        return Check(options, placement, world);
      },
      [&](RankContext& context) { return TrainRank(options, context); });
}

}  // namespace

Command TrainCommand() {
  return {
      .name = "train",
      .summary = "train a model; under mpirun or srun a process is one rank",
      .arguments = {kConfigArgument},
      .flags =
          {
              kSetFlag,
              {.name = "resume",
               .value = "auto|none|DIR",
               .help = "auto (the default): go on from the newest whole "
                       "checkpoint in the run directory, else start afresh; "
                       "none: move an old run to old_N and start afresh; DIR: "
                       "go on from this checkpoint."},
              {.name = "allow_change",
               .value = "FIELD",
               .help = "Go on although this field differs from the "
                       "checkpoint's.",
               .repeatable = true},
              {.name = "dry_run",
               .value = "",
               .help = "Check the configuration, print memory and traffic of a "
                       "rank of each pipeline stage, train nothing."},
              {.name = "ranks",
               .value = "N",
               .help = "With --dry_run: plan a job of N ranks; started "
                       "without mpirun."},
              {.name = "steps",
               .value = "N",
               .help = "Train N more steps, then end as if done."},
              {.name = "profile",
               .value = "A:B",
               .help = "Write a Chrome trace of steps A to B."},
          },
      .notes =
          "docs/configuration.md explains the configuration, field by "
          "field; configs/ has\nexamples. The run directory gets "
          "config.pbtxt, the configuration with every\ndefault filled "
          "in.\n\ndocs/parallelism.md explains how ranks share the work, and "
          "docs/determinism.md\nwhich runs give the same bits, "
          "docs/failures.md what happens when a rank dies\nor hangs. For "
          "tests, COGDIST_FAULT=POINT:STEP:RANK:ACTION (e.g.\n"
          "collective:3:1:kill) makes one fail.",
      .run = RunTrain,
  };
}

}  // namespace cogdist
