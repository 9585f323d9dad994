#include "parallel/pipeline/pipeline.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "runtime/clock.h"
#include "runtime/status_macros.h"

namespace cogdist {
absl::StatusOr<std::unique_ptr<Pipeline>> Pipeline::Create(const Args& args) {
  const PipelineShape shape = {.ranks = args.group.size(),
                               .chunks = args.chunks,
                               .micro_batches = args.micro_batches};
  if (shape.ranks == 1 && shape.chunks > 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "parallel.virtual_pipeline is ", shape.chunks,
        ", but parallel.pipeline is 1: chunks are interleaved over two or more "
        "ranks; set virtual_pipeline to 1"));
  }
  auto pipeline =
      std::unique_ptr<Pipeline>(new Pipeline(args, shape, args.group.rank()));
  COG_RETURN_IF_ERROR(pipeline->CreateLinks(args));
  return pipeline;
}

Pipeline::Pipeline(const Args& args, const PipelineShape& shape, int rank)
    : shape_(shape),
      rank_(rank),
      training_(TrainingSchedule(shape, rank)),
      inputs_(NumSlots(training_)) {
  COG_CHECK_GE(args.boundary.num_elements(), 1);
}

// A pair's two ranks destroy what they share together, as they made it.
Pipeline::~Pipeline() {
  activations_.reset();
  gradients_.reset();
  for (std::unique_ptr<Communicator>& channel : channels_) channel.reset();
}

// Every pair meets in the order of the ranks, so that nobody waits for ever.
absl::StatusOr<Pipeline::Neighbours> Pipeline::Connect(Communicator& group,
                                                       int step,
                                                       std::optional<int> last,
                                                       absl::string_view name) {
  Neighbours neighbours;
  const int size = shape_.ranks;
  for (int from = 0; size > 1 && from < size; ++from) {
    const int to = (from + step + size) % size;
    if (from == last || (rank_ != from && rank_ != to)) continue;
    const int pair[] = {from, to};
    COG_ASSIGN_OR_RETURN(std::unique_ptr<Communicator> channel,
                         group.Split(pair, name));
    (rank_ == from ? neighbours.after : neighbours.before) = channel.get();
    channels_.push_back(std::move(channel));
  }
  return neighbours;
}

absl::Status Pipeline::CreateLinks(const Args& args) {
  const PipelineBuffers buffers = BuffersOf(shape_, rank_);
  // Only chunks close the ring.
  const bool closed = shape_.chunks > 1;
  const auto last = [closed](int rank) {
    return closed ? std::nullopt : std::optional<int>(rank);
  };
  COG_ASSIGN_OR_RETURN(
      const Neighbours forward,
      Connect(args.group, 1, last(shape_.ranks - 1), "pipeline activations"));
  COG_ASSIGN_OR_RETURN(const Neighbours backward,
                       Connect(args.group, -1, last(0), "pipeline gradients"));
  const auto waits = [](const std::unique_ptr<Communicator>& channel) {
    return channel->overlap() == Communicator::Overlap::kNever;
  };
  if (std::any_of(channels_.begin(), channels_.end(), waits)) {
    return absl::FailedPreconditionError(
        "parallel.pipeline: messages between stages have to be under way side "
        "by side, which this GPU's driver cannot do; update it to one for CUDA "
        "12.3 or later, or set parallel.pipeline: 1");
  }
  COG_ASSIGN_OR_RETURN(activations_,
                       PipelineLink::Create({.before = forward.before,
                                             .after = forward.after,
                                             .compute = &args.compute,
                                             .shape = args.boundary,
                                             .dtype = args.dtype,
                                             .receive_buffers = buffers.inputs,
                                             .send_buffers = buffers.outputs}));
  COG_ASSIGN_OR_RETURN(
      gradients_, PipelineLink::Create({.before = backward.before,
                                        .after = backward.after,
                                        .compute = &args.compute,
                                        .shape = args.boundary,
                                        .dtype = args.dtype,
                                        .receive_buffers = buffers.d_outputs,
                                        .send_buffers = buffers.d_inputs}));
  return absl::OkStatus();
}

void Pipeline::Train(Stage& stage) { Run(training_, stage, Mode::kTrain); }

void Pipeline::Evaluate(Stage& stage, int micro_batches) {
  PipelineShape shape = shape_;
  shape.micro_batches = micro_batches;
  Run(EvaluationSchedule(shape), stage, Mode::kEvaluate);
}

void Pipeline::Run(const Schedule& schedule, Stage& stage, Mode mode) {
  const double start = MonotonicSeconds();
  const double waited_before = WaitedSeconds();
  PostReceive(schedule.front());
  for (size_t i = 0; i < schedule.size(); ++i) {
    // One ahead, so that a tensor comes while the one before is worked on.
    if (i + 1 < schedule.size()) PostReceive(schedule[i + 1]);
    if (schedule[i].kind == PipelineAction::Kind::kForward) {
      Forward(schedule[i], stage, mode);
    } else {
      Backward(schedule[i], stage);
    }
  }
  stats_ = {.total_seconds = MonotonicSeconds() - start,
            .waited_seconds = WaitedSeconds() - waited_before};
}

void Pipeline::PostReceive(const PipelineAction& action) {
  if (action.kind == PipelineAction::Kind::kForward) {
    if (!shape_.IsFirst(rank_, action.chunk)) activations_->PostReceive();
  } else {
    if (!shape_.IsLast(rank_, action.chunk)) gradients_->PostReceive();
  }
}

void Pipeline::Forward(const PipelineAction& action, Stage& stage, Mode mode) {
  ForwardWork work = {.chunk = action.chunk,
                      .micro_batch = action.micro_batch,
                      .slot = action.slot};
  if (!shape_.IsFirst(rank_, work.chunk)) work.input = activations_->Receive();
  if (!shape_.IsLast(rank_, work.chunk))
    work.output = activations_->BeginSend();
  if (mode == Mode::kTrain) {
    stage.Forward(work);
    inputs_[work.slot] = work.input;  // kept until the backward pass
  } else {
    stage.Evaluate(work);
    if (work.input) activations_->Release(work.input);
  }
  if (work.output) activations_->EndSend();
}

void Pipeline::Backward(const PipelineAction& action, Stage& stage) {
  BackwardWork work = {.chunk = action.chunk,
                       .micro_batch = action.micro_batch,
                       .slot = action.slot};
  if (!shape_.IsLast(rank_, work.chunk)) work.d_output = gradients_->Receive();
  if (!shape_.IsFirst(rank_, work.chunk))
    work.d_input = gradients_->BeginSend();
  stage.Backward(work);
  if (work.d_output) gradients_->Release(work.d_output);
  if (work.d_input) {
    gradients_->EndSend();
    activations_->Release(inputs_[work.slot]);
  }
}

std::vector<Stream*> Pipeline::streams() const {
  std::vector<Stream*> streams = activations_->streams();
  for (Stream* stream : gradients_->streams()) streams.push_back(stream);
  return streams;
}

void Pipeline::Forget() {
  activations_->Forget();
  gradients_->Forget();
}

bool Pipeline::MayBeRecorded() const {
  for (const std::unique_ptr<Communicator>& channel : channels_) {
    if (channel->overlap() != Communicator::Overlap::kAlways) return false;
  }
  return true;
}

int64_t Pipeline::buffer_bytes() const {
  return activations_->buffer_bytes() + gradients_->buffer_bytes();
}

int64_t Pipeline::workspace_bytes() const {
  return activations_->workspace_bytes() + gradients_->workspace_bytes();
}

Traffic Pipeline::traffic() const {
  Traffic sum;
  for (const std::unique_ptr<Communicator>& channel : channels_) {
    const Traffic traffic = channel->traffic();
    sum.data_bytes += traffic.data_bytes;
    sum.control_bytes += traffic.control_bytes;
  }
  return sum;
}

double Pipeline::WaitedSeconds() const {
  return activations_->waited_seconds() + gradients_->waited_seconds();
}

}  // namespace cogdist
