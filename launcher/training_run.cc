#include "launcher/training_run.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "launcher/checkpointing.h"
#include "launcher/config.h"
#include "launcher/rank_log.h"
#include "launcher/rank_program.h"
#include "launcher/run_directory.h"
#include "launcher/run_reporter.h"
#include "launcher/trainer.h"
#include "parallel/checkpoint/run_owner.h"
#include "runtime/posix_file_system.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// What a run consists of, on this rank.
struct Parts {
  std::unique_ptr<Trainer> trainer;
  std::optional<RankLog> log;
  std::unique_ptr<RunReporter> reporter;  // rank 0's
  std::unique_ptr<Checkpointing> checkpointing;
};

RunLayout LayoutOf(const RankContext& context) {
  return {.mesh = context.mesh,
          .threads = context.placement.num_threads,
          .device = context.device->type()};
}

absl::Status CreateDirectory(const TrainingRunOptions& options,
                             const RankContext& context) {
  if (context.rank() != 0) return absl::OkStatus();
  const RunConfig& config = options.config;
  const bool has_file = config.has_tokenizer() && config.tokenizer() != "bytes";
  return RunDirectory::Create({.path = config.run_dir(),
                               .config_text = PrintRunConfig(config),
                               .tokenizer = has_file ? config.tokenizer() : "",
                               .move_aside = options.resume.from ==
                                             ResumeOptions::From::kNothing})
      .status();
}

// Shows this rank's row to the others of its node. A file system that cannot do
// that is no reason not to train.
void ShareLedger(const RunDirectory& directory, Ledger& ledger, RankLog& log) {
  const std::string& host = ledger.ranks()[ledger.rank()].host;
  const absl::Status shared = ledger.Share(directory.ledger_path(host));
  if (!shared.ok()) log.Warning(shared.message());
}

// This rank's log, in the directory that rank 0 has made by now.
absl::Status OpenLog(const RunConfig& config, absl::string_view attempt,
                     const RankContext& context, std::optional<RankLog>& log) {
  const RunDirectory directory(config.run_dir());
  COG_ASSIGN_OR_RETURN(
      log, RankLog::Open(directory.log_path(context.rank()),
                         context.rank() == 0 ? &std::cerr : nullptr));
  const Placement& placement = context.placement;
  log->Info(absl::StrCat(
      "cogdist ", COGDIST_VERSION, ", attempt ", attempt, ", process ",
      getpid(), ": rank ", placement.rank, " of ", placement.world_size, ", ",
      placement.num_threads, " threads, ", Name(context.device->type())));
  if (context.ledger != nullptr) {
    ShareLedger(directory, *context.ledger, *log);
  }
  return absl::OkStatus();
}

absl::Status OpenReporter(const RunConfig& config, int64_t attempt,
                          const RankContext& context, Parts& parts) {
  if (context.rank() != 0) return absl::OkStatus();
  COG_ASSIGN_OR_RETURN(
      parts.reporter,
      RunReporter::Create(config, RunDirectory(config.run_dir()), attempt,
                          parts.trainer->samples_per_epoch()));
  return absl::OkStatus();
}

// Lines about checkpoints, from all ranks to their logs and from rank 0 to the
// terminal.
Checkpointing::Tell TellThrough(Parts& parts) {
  return [&parts](bool warning, absl::string_view line) {
    if (warning) {
      parts.log->Warning(line);
      return;
    }
    parts.log->Info(line);
    if (parts.reporter != nullptr) parts.reporter->Print(line);
  };
}

// From its checkpoint, if the run goes on.
absl::Status ResumeFrom(const TrainingRunOptions& options,
                        const std::string& attempt, RankContext& context,
                        Parts& parts) {
  Checkpointing::Args args = {.files = PosixFileSystem(),
                              .config = options.config,
                              .context = context,
                              .attempt = attempt,
                              .tell = TellThrough(parts)};
  if (!options.resume_step.has_value()) {
    parts.checkpointing = std::make_unique<Checkpointing>(args);
    return absl::OkStatus();
  }
  COG_ASSIGN_OR_RETURN(const Resumed resumed,
                       Resume({.files = PosixFileSystem(),
                               .config = options.config,
                               .options = options.resume,
                               .attempt = attempt,
                               .context = context,
                               .params = parts.trainer->params()}));
  for (const std::string& line : resumed.warnings) args.tell(true, line);
  for (const std::string& line : resumed.notes) args.tell(false, line);
  const StoredCheckpoint& checkpoint = resumed.checkpoint;
  parts.trainer->GoOnFrom(checkpoint.manifest.train_state());
  args.tell(false, absl::StrCat("goes on from ", checkpoint.path));
  if (resumed.own) {
    args.restored_step = checkpoint.manifest.train_state().step();
    args.restored_path = checkpoint.path;
  }
  parts.checkpointing = std::make_unique<Checkpointing>(args);
  if (resumed.own) return absl::OkStatus();
  // From now on this run can be gone on with by itself.
  const absl::Status copied = parts.checkpointing->WriteNow(
      parts.trainer->params(), parts.trainer->state());
  return absl::IsAborted(copied) ? copied : absl::OkStatus();
}

// Everything up to the first step. Every rank returns the same error.
absl::Status Begin(const TrainingRunOptions& options, RankContext& context,
                   Parts& parts) {
  const RunConfig& config = options.config;
  Communicator& world = *context.groups.world;
  absl::StatusOr<std::unique_ptr<Trainer>> trainer =
      Trainer::Create(config, context);
  COG_RETURN_IF_ERROR(Agree(world, trainer.status()));
  parts.trainer = *std::move(trainer);
  if (!options.resume_step.has_value()) {
    COG_RETURN_IF_ERROR(parts.trainer->InitializeWeights());
  }
  COG_RETURN_IF_ERROR(Agree(world, CreateDirectory(options, context)));
  COG_ASSIGN_OR_RETURN(
      const std::string attempt,
      BeginAttempt(PosixFileSystem(), config.run_dir(), world));
  COG_RETURN_IF_ERROR(
      Agree(world, OpenLog(config, attempt, context, parts.log)));
  COG_RETURN_IF_ERROR(Agree(
      world, OpenReporter(config, AttemptNumber(attempt), context, parts)));
  COG_RETURN_IF_ERROR(ResumeFrom(options, attempt, context, parts));
  if (parts.reporter != nullptr) {
    parts.reporter->Start(LayoutOf(context), parts.trainer->plan(),
                          parts.trainer->state().step() + 1);
  }
  return absl::OkStatus();
}

// What ended the run before its last step; empty: nothing.
std::string StoppedBy(Trainer::End end, const RunConfig& config,
                      const Trainer& trainer) {
  switch (end) {
    case Trainer::End::kTrained:
      return "";
    case Trainer::End::kStopped:
      return trainer.stop_reason();
    case Trainer::End::kGaveUp:
      return absl::StrCat(config.resilience().max_consecutive_skips(),
                          " steps in a row whose loss or gradient norm is not "
                          "finite");
    case Trainer::End::kReplicasDiffer:
      return "ranks that should hold the same weights and do not,";
    case Trainer::End::kTakenOver:
      return "another attempt, which has taken the run over,";
  }
  return "";
}

void LogEnd(Trainer::End end, absl::string_view stopped_by, Parts& parts) {
  RankLog& log = *parts.log;
  switch (end) {
    case Trainer::End::kTrained:
      log.Info("trained to the end");
      return;
    case Trainer::End::kStopped:
      log.Warning(absl::StrCat("stopped by ", stopped_by,
                               "; start again to go "
                               "on from ",
                               parts.checkpointing->newest_path()));
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
          parts.trainer->differences()));
      return;
    case Trainer::End::kTakenOver:
      log.Error(
          "another attempt of this run has taken over; this one ends and has "
          "written nothing since");
      return;
  }
}

ExitCode ExitCodeFor(Trainer::End end) {
  switch (end) {
    case Trainer::End::kTrained:
      return ExitCode::kDone;
    case Trainer::End::kStopped:
      return ExitCode::kStopped;
    case Trainer::End::kReplicasDiffer:
      return ExitCode::kFailed;
    case Trainer::End::kGaveUp:
    case Trainer::End::kTakenOver:
      return ExitCode::kGaveUp;
  }
  return ExitCode::kFailed;
}

// What is written after the last step. Whoever has asked for a stop is in a
// hurry and gets the checkpoint alone. Weights come before the checkpoint of
// the last step, after which no start would write them any more.
absl::Status WriteLast(Trainer::End end, const RunDirectory& directory,
                       RankContext& context, Parts& parts) {
  Trainer& trainer = *parts.trainer;
  Checkpointing& checkpointing = *parts.checkpointing;
  if (end == Trainer::End::kTakenOver) return absl::OkStatus();
  if (end == Trainer::End::kReplicasDiffer) {
    (void)checkpointing.Wait();  // of better days, if it succeeds
    return absl::OkStatus();
  }
  absl::Status written;
  if (end == Trainer::End::kTrained) {
    COG_RETURN_IF_ERROR(checkpointing.CheckOwnership());
    written = trainer.SaveWeights(directory.weights_path());
  }
  if (end == Trainer::End::kGaveUp) {
    written = Agree(
        *context.groups.world,
        trainer.WriteDiagnostics(directory.diagnostics_path(context.rank())));
  }
  const absl::Status last =
      checkpointing.WriteNow(trainer.params(), trainer.state());
  return last.ok() ? written : last;
}

// After Begin() nothing goes wrong that a restart might not mend.
absl::StatusOr<ExitCode> Train(const TrainingRunOptions& options,
                               RankContext& context, const StopRequest& stop,
                               Parts& parts) {
  const RunConfig& config = options.config;
  const int64_t done = parts.trainer->state().step();
  const int64_t left = std::max<int64_t>(config.train_steps() - done, 0);
  COG_ASSIGN_OR_RETURN(
      Trainer::End end,
      parts.trainer->Run(
          {.stop = stop,
           .last_step = done + std::min(options.steps.value_or(left), left),
           .checkpointing = *parts.checkpointing,
           .reporter = parts.reporter.get()}));
  const RunDirectory directory(config.run_dir());
  const absl::Status written = WriteLast(end, directory, context, parts);
  if (absl::IsAborted(written)) end = Trainer::End::kTakenOver;
  const std::string stopped_by = StoppedBy(end, config, *parts.trainer);
  if (parts.reporter != nullptr) {
    const bool has_weights = written.ok() && end == Trainer::End::kTrained;
    parts.reporter->End(
        {.stopped_by = stopped_by,
         .weights_path = has_weights ? directory.weights_path() : "",
         .checkpoint_path = parts.checkpointing->newest_path()});
  }
  // All ranks have it and none waits for another: the run ends in good order.
  if (!written.ok() && end != Trainer::End::kTakenOver) {
    parts.log->Error(absl::StrCat("the end of the run could not be written: ",
                                  written.message()));
    return ExitCode::kFailed;
  }
  LogEnd(end, stopped_by, parts);
  context.groups.world->Barrier();
  return ExitCodeFor(end);
}

}  // namespace

absl::StatusOr<ExitCode> RunTraining(const TrainingRunOptions& options,
                                     const StopRequest& stop,
                                     RankContext& context) {
  context.fault = options.fault;
  context.fault.Reach(FaultPoint::kStart, 0, context.rank());
  Parts parts;
  const absl::Status begun = Begin(options, context, parts);
  if (!begun.ok() && context.rank() != 0) return ExitCodeOf(begun);
  COG_RETURN_IF_ERROR(begun);  // rank 0 reports it for all
  absl::StatusOr<ExitCode> result = Train(options, context, stop, parts);
  if (!result.ok()) return WhileRunning(result.status());
  return result;
}

}  // namespace cogdist
