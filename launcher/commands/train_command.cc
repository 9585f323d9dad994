#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "launcher/commands/commands.h"
#include "launcher/config.h"
#include "launcher/config_changes.h"
#include "launcher/dry_run.h"
#include "launcher/memory_check.h"
#include "launcher/rank_program.h"
#include "launcher/resume.h"
#include "launcher/run_directory.h"
#include "launcher/shared_memory_check.h"
#include "launcher/stop_request.h"
#include "launcher/training_run.h"
#include "launcher/validate.h"
#include "runtime/posix_file_system.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

struct TrainOptions {
  TrainingRunOptions run;
  bool dry_run = false;
  int64_t planned_ranks = 0;  // --ranks; 0: those of this job
};

absl::StatusOr<ResumeOptions> ReadResume(const ParsedCommand& command) {
  using From = ResumeOptions::From;
  ResumeOptions options;
  const std::string from = command.Text("resume", "auto");
  if (from == "none") {
    options.from = From::kNothing;
  } else if (from != "auto") {
    options.from = From::kCheckpoint;
    options.checkpoint = from;
  }
  const auto allowed = command.All("allow_change");
  options.allowed_changes.assign(allowed.begin(), allowed.end());
  COG_RETURN_IF_ERROR(CheckAllowedChanges(options.allowed_changes));
  return options;
}

absl::StatusOr<TrainOptions> ReadOptions(const ParsedCommand& command) {
  TrainOptions options;
  TrainingRunOptions& run = options.run;
  COG_ASSIGN_OR_RETURN(
      run.config, LoadRunConfig(command.arguments()[0], command.All("set")));
  COG_ASSIGN_OR_RETURN(run.resume, ReadResume(command));
  COG_ASSIGN_OR_RETURN(const int64_t steps,
                       command.Integer("steps", 0, {.min = 1}));
  if (command.Has("steps")) run.steps = steps;
  options.dry_run = command.Has("dry_run");
  COG_ASSIGN_OR_RETURN(options.planned_ranks,
                       command.Integer("ranks", 0, {.min = 1}));
  if (command.Has("ranks") && !options.dry_run) {
    return absl::InvalidArgumentError(
        "--ranks: only with --dry_run; a run has the ranks that mpirun or srun "
        "starts");
  }
  const char* const fault = std::getenv("COGDIST_FAULT");
  COG_ASSIGN_OR_RETURN(run.fault,
                       FaultInjection::Parse(fault == nullptr ? "" : fault));
  if (command.Has("profile")) {
    return absl::UnimplementedError("--profile: not built yet; leave it out");
  }
  return options;
}

// What besides the configuration has to be the same on all ranks.
std::string Describe(const ParsedCommand& command) {
  std::string text = absl::StrCat(
      "train", command.Has("steps") ? " --steps " : "",
      command.Text("steps", ""), " --resume ", command.Text("resume", "auto"),
      command.Has("dry_run") ? " --dry_run" : "");
  for (const std::string& field : command.All("allow_change")) {
    absl::StrAppend(&text, " --allow_change ", field);
  }
  return text;
}

bool WillResume(const TrainingRunOptions& run) {
  using From = ResumeOptions::From;
  if (run.resume.from == From::kNothing) return false;
  return run.resume.from == From::kCheckpoint ||
         RunDirectory(run.config.run_dir()).HasCheckpoint();
}

// What this rank can see for itself.
absl::Status CheckAlone(const TrainOptions& options, const Placement& placement,
                        const Device& device) {
  const TrainingRunOptions& run = options.run;
  if (run.fault.rank().value_or(0) >= placement.world_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("COGDIST_FAULT: no rank ", *run.fault.rank(),
                     " in a job of ", placement.world_size, " ranks"));
  }
  const int64_t ranks =
      options.planned_ranks > 0 ? options.planned_ranks : placement.world_size;
  RunConfig config = run.config;
  // Which AUTO found.
  if (device.type() == DeviceType::kCuda) config.set_device(CUDA);
  // Whoever goes on from a checkpoint does not need it any more.
  if (WillResume(run)) config.clear_init_from();
  COG_RETURN_IF_ERROR(ValidateConfig(
      config, {.world_size = ranks, .check_files = !options.dry_run}));
  if (options.dry_run) return absl::OkStatus();
  if (run.resume.from == ResumeOptions::From::kNewest) {
    COG_RETURN_IF_ERROR(RunDirectory(run.config.run_dir()).CheckContinuable());
  }
  return CheckSharedMemory(run.config, Passes::kForwardAndBackward, device);
}

absl::Status Check(TrainOptions& options, const Placement& placement,
                   Communicator& world, const Device& device) {
  const absl::Status alone =
      Agree(world, CheckAlone(options, placement, device));
  if (!alone.ok() || options.dry_run) return alone;
  TrainingRunOptions& run = options.run;
  COG_ASSIGN_OR_RETURN(
      run.resume_step,
      FindStepToResume(PosixFileSystem(), run.config, run.resume, world));
  COG_ASSIGN_OR_RETURN(
      const std::vector<PlacedPlan> plans,
      GatherPlans(run.config, placement, world, device.type()));
  return CheckMemory(run.config, placement, plans, AvailableTo(device));
}

// Nothing is left to do, by the checkpoint that would be gone on from.
bool IsDone(const TrainOptions& options) {
  const TrainingRunOptions& run = options.run;
  return run.resume_step.value_or(-1) >= run.config.train_steps();
}

absl::StatusOr<ExitCode> TrainRank(const TrainOptions& options,
                                   const StopRequest& stop,
                                   RankContext& context) {
  if (options.dry_run) {
    COG_RETURN_IF_ERROR(DryRun(options.run.config, context, std::cout));
    return ExitCode::kDone;
  }
  if (!IsDone(options)) return RunTraining(options.run, stop, context);
  if (context.rank() == 0) {
    std::cout << "done already: the checkpoint is of step "
              << *options.run.resume_step << ", and train_steps is "
              << options.run.config.train_steps() << std::endl;
  }
  return ExitCode::kDone;
}

// --dry_run --ranks: this process imagines the job, and is no rank of one.
absl::StatusOr<ExitCode> PlanOtherJob(const TrainOptions& options) {
  COG_RETURN_IF_ERROR(ValidateConfig(
      options.run.config,
      {.world_size = options.planned_ranks, .check_files = false}));
  COG_RETURN_IF_ERROR(
      DryRunFor(options.run.config, options.planned_ranks, std::cout));
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> RunTrain(const ParsedCommand& command) {
  COG_ASSIGN_OR_RETURN(TrainOptions options, ReadOptions(command));
  if (options.planned_ranks > 0) return PlanOtherJob(options);
  // From here on, so that it counts while ranks meet and load, too.
  const StopRequest stop(options.run.config.time_limit_seconds());
  const RunConfig& config = options.run.config;
  return RunAsRank({.config = config,
                    .options = Describe(command),
                    .device = options.dry_run ? CPU : config.device(),
                    .check =
                        [&](const Placement& placement, Communicator& world,
                            const Device& device) {
                          return Check(options, placement, world, device);
                        },
                    .body =
                        [&](RankContext& context) {
                          return TrainRank(options, stop, context);
                        }});
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
                       "checkpoint's: model, data, global_batch_size, "
                       "optimizer, seed, or a field in one of them.",
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
               .help = "Train N more steps at most, write a checkpoint and end "
                       "as if done."},
              {.name = "profile",
               .value = "A:B",
               .help = "Write a Chrome trace of steps A to B (not built yet)."},
          },
      .notes =
          "docs/configuration.md explains the configuration, field by "
          "field; configs/ has\nexamples. The run directory gets "
          "config.pbtxt, the configuration with every\ndefault filled "
          "in, and checkpoints: the same command again goes on from the\n"
          "newest. SIGTERM, SIGINT (Ctrl-C) and SIGUSR1, and "
          "time_limit_seconds, end a run\nafter a checkpoint with exit "
          "code 75.\n\ndocs/parallelism.md explains how ranks share "
          "the work, and "
          "docs/determinism.md\nwhich runs give the same bits, "
          "docs/failures.md what happens when a rank dies\nor hangs. For "
          "tests, COGDIST_FAULT=POINT:STEP:RANK:ACTION (e.g.\n"
          "collective:3:1:kill) makes one fail.",
      .run = RunTrain,
  };
}

}  // namespace cogdist
