#include "launcher/checkpointing.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "launcher/human_format.h"
#include "parallel/checkpoint/run_owner.h"
#include "parallel/shared_status.h"
#include "runtime/clock.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

CheckpointWriter::Options WriterOptions(const Checkpointing::Args& args) {
  const CheckpointConfig& config = args.config.checkpoint();
  return {.files = args.files,
          .run_dir = args.config.run_dir(),
          .attempt = args.attempt,
          .retention = {.keep_last = config.keep_last(),
                        .keep_every_steps = config.keep_every_steps()}};
}

// The run goes on, or ends well, whatever became of this checkpoint; only an
// attempt that has lost the run does not.
absl::Status KeepAborted(const absl::Status& status) {
  return absl::IsAborted(status) ? status : absl::OkStatus();
}

}  // namespace

Checkpointing::Checkpointing(const Args& args)
    : args_(args),
      writer_(WriterOptions(args), *args.context.groups.world),
      newest_step_(args.restored_step),
      newest_path_(args.restored_path),
      looked_at_(MonotonicSeconds()) {}

absl::Status Checkpointing::AfterStep(const ParamStore& params,
                                      const CheckpointTrainState& state) {
  const std::optional<CheckpointWriter::Outcome> outcome = writer_.Poll();
  if (outcome.has_value()) COG_RETURN_IF_ERROR(KeepAborted(Take(*outcome)));
  if (!Due(state.step())) return absl::OkStatus();
  COG_RETURN_IF_ERROR(KeepAborted(Wait()));
  Start(params, state);
  if (args_.config.checkpoint().async()) return absl::OkStatus();
  return KeepAborted(Wait());
}

absl::Status Checkpointing::WriteNow(const ParamStore& params,
                                     const CheckpointTrainState& state) {
  COG_RETURN_IF_ERROR(KeepAborted(Wait()));
  if (newest_step_ == state.step()) return CheckOwnership();
  Start(params, state);
  return Wait();
}

absl::Status Checkpointing::Wait() {
  if (!writer_.busy()) return absl::OkStatus();
  const double start = MonotonicSeconds();
  const std::optional<CheckpointWriter::Outcome> outcome = writer_.Finish();
  waited_seconds_ += MonotonicSeconds() - start;
  return Take(*outcome);
}

absl::Status Checkpointing::CheckOwnership() {
  Communicator& world = *args_.context.groups.world;
  return FirstError(
      world, world.rank() == 0
                 ? cogdist::CheckOwnership(args_.files, args_.config.run_dir(),
                                           args_.attempt)
                 : absl::OkStatus());
}

bool Checkpointing::SeenTakenOver() {
  if (args_.context.rank() != 0) return false;
  const double now = MonotonicSeconds();
  if (now - looked_at_ < args_.look_every_seconds) return false;
  looked_at_ = now;
  return absl::IsAborted(cogdist::CheckOwnership(
      args_.files, args_.config.run_dir(), args_.attempt));
}

bool Checkpointing::Due(int64_t step) const {
  const int64_t every = args_.config.checkpoint().every_steps();
  return every > 0 && step % every == 0;
}

void Checkpointing::Start(const ParamStore& params,
                          const CheckpointTrainState& state) {
  waited_seconds_ = 0;
  writer_.Start(params, *args_.context.streams.compute, Head(state));
}

absl::Status Checkpointing::Take(const CheckpointWriter::Outcome& outcome) {
  if (absl::IsAborted(outcome.status)) return outcome.status;
  if (!outcome.status.ok()) {
    args_.tell(true, absl::StrCat(
                         "the checkpoint of step ", outcome.step,
                         " could not be written: ", outcome.status.message()));
    return outcome.status;
  }
  newest_step_ = outcome.step;
  newest_path_ = outcome.path;
  args_.tell(
      false,
      absl::StrCat("checkpoint of step ", outcome.step, " written in ",
                   FormatDuration(outcome.seconds), ", ",
                   FormatDuration(outcome.blocked_seconds + waited_seconds_),
                   " of it while training stood still"));
  if (!outcome.retention.ok()) {
    args_.tell(true, absl::StrCat("older checkpoints could not be deleted: ",
                                  outcome.retention.message()));
  }
  return absl::OkStatus();
}

CheckpointManifest Checkpointing::Head(
    const CheckpointTrainState& state) const {
  const Mesh& mesh = args_.context.mesh;
  CheckpointManifest head;
  head.set_program_version(absl::StrCat("cogdist ", COGDIST_VERSION));
  *head.mutable_train_state() = state;
  *head.mutable_config() = args_.config;
  CheckpointLayout& layout = *head.mutable_layout();
  layout.set_world_size(mesh.world_size());
  layout.set_data(mesh.size(MeshAxis::kData));
  layout.set_context(mesh.size(MeshAxis::kContext));
  layout.set_tensor(mesh.size(MeshAxis::kTensor));
  layout.set_pipeline(mesh.size(MeshAxis::kPipeline));
  layout.set_zero_stage(args_.config.parallel().zero_stage());
  return head;
}

}  // namespace cogdist
