#include "launcher/step_graph.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace cogdist {

StepGraph::StepGraph(bool wanted, RankContext& context, Pipeline& pipeline,
                     DataParallel& data_parallel)
    : used_(wanted && context.device->type() == DeviceType::kCuda &&
            context.ledger == nullptr && !context.fault.rank().has_value()),
      compute_(*context.streams.compute),
      others_(pipeline.streams()),
      pipeline_(pipeline),
      data_parallel_(data_parallel) {
  const Streams& streams = context.streams;
  for (const auto* stream :
       {&streams.replicas, &streams.tensor, &streams.context}) {
    others_.push_back(stream->get());
  }
}

absl::Status StepGraph::Run(absl::FunctionRef<void()> enqueue) {
  if (!used_ || steps_++ < kStepsBefore) {
    enqueue();
    return absl::OkStatus();
  }
  Join();
  if (graph_ == nullptr) {
    const absl::Status recorded = Record(enqueue);
    if (!recorded.ok()) return recorded;
  }
  graph_->Launch(AsGpuStream(compute_));
  Fork();
  return absl::OkStatus();
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
