#include "launcher/step_graph.h"

#include <limits>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "runtime/clock.h"
#include "runtime/status_macros.h"

namespace cogdist {

StepGraph::StepGraph(Args args)
    : used_(args.wanted && args.context.device->type() == DeviceType::kCuda &&
            !args.context.fault.rank().has_value()),
      timeout_seconds_(args.timeout_seconds),
      world_(*args.context.groups.world),
      compute_(*args.context.streams.compute),
      others_(args.pipeline.streams()),
      pipeline_(args.pipeline),
      data_parallel_(args.data_parallel),
      marks_(std::move(args.marks)) {
  const Streams& streams = args.context.streams;
  for (const auto* stream :
       {&streams.replicas, &streams.tensor, &streams.context}) {
    others_.push_back(stream->get());
  }
  Ledger* const ledger = args.context.ledger;
  if (!used_ || ledger == nullptr) return;
  lane_.emplace(*ledger, ledger->AddLane("world steps", ledger->World()),
                *new (marks_.data()) StreamLane::Marks);
}

absl::Status StepGraph::Run(absl::FunctionRef<void()> enqueue) {
  if (used_ && ++steps_ == kStepsBefore + 1) used_ = AgreeToRecord();
  if (!used_ || steps_ <= kStepsBefore) {
    latest_start_ = MonotonicSeconds();
    enqueue();
    return absl::OkStatus();
  }
  Join();
  if (graph_ == nullptr) COG_RETURN_IF_ERROR(Record(enqueue));
  Launch();
  Fork();
  return absl::OkStatus();
}

bool StepGraph::AgreeToRecord() {
  // To the watch a step that takes long would look like one that hangs; nor
  // would it gain anything.
  double seconds[] = {lane_.has_value() ? MonotonicSeconds() - latest_start_
                                        : 0};
  if (!pipeline_.MayBeRecorded()) {
    seconds[0] = std::numeric_limits<double>::infinity();
  }
  world_.AllReduceMaxHost(absl::MakeSpan(seconds));
  return seconds[0] <= timeout_seconds_ / 2;
}

absl::Status StepGraph::Record(absl::FunctionRef<void()> enqueue) {
  // All streams take part, whether they have work or not: a graph begins and
  // ends on one.
  auto graph = AsGpuStream(compute_).Capture([&] {
    Fork();
    enqueue();
    Join();
  });
  if (!graph.ok()) {
    return absl::Status(
        graph.status().code(),
        absl::StrCat("the step could not be recorded as a graph: ",
                     graph.status().message(), "; set cuda_graph: false"));
  }
  graph_ = *std::move(graph);
  return absl::OkStatus();
}

void StepGraph::Launch() {
  GpuStream& stream = AsGpuStream(compute_);
  const auto launch = [&] { graph_->Launch(stream); };
  if (!lane_.has_value()) return launch();
  lane_->OnStream(stream, {.operation = Operation::kRecordedStep}, launch);
}

void StepGraph::Join() {
  for (Stream* stream : others_) compute_.Wait(stream->Record());
  pipeline_.Forget();
  data_parallel_.Forget();
}

void StepGraph::Fork() {
  const Event now = compute_.Record();
  for (Stream* stream : others_) stream->Wait(now);
}

}  // namespace cogdist
