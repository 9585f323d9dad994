#include "tests/vgpu/runtime/graph.h"

#include <algorithm>
#include <utility>

#include "tests/vgpu/runtime/stream.h"

namespace cogdist::vgpu {

void Capture::AddLane(Stream* stream) {
  streams_.push_back(stream);
  definition_.lanes = streams_.size();
  clocks_.emplace_back();
  for (Clock& clock : clocks_) clock.resize(streams_.size());
  for (Clock& clock : point_clocks_) clock.resize(streams_.size());
}

int Capture::LaneOf(Stream* stream) {
  const auto found = std::find(streams_.begin(), streams_.end(), stream);
  const int lane = found - streams_.begin();
  if (found == streams_.end()) AddLane(stream);
  return lane;
}

void Capture::AddWork(Stream* stream, const char* call, Issue issue) {
  const int lane = LaneOf(stream);
  ++clocks_[lane][lane];
  definition_.nodes.push_back({.kind = GraphNode::Kind::kWork,
                               .lane = lane,
                               .call = call,
                               .issue = std::move(issue)});
}

int Capture::AddRecord(Stream* stream) {
  const int lane = LaneOf(stream), point = definition_.points++;
  point_clocks_.push_back(clocks_[lane]);
  definition_.nodes.push_back(
      {.kind = GraphNode::Kind::kRecord, .lane = lane, .point = point});
  return point;
}

void Capture::AddWait(Stream* stream, int point) {
  const int lane = LaneOf(stream);
  for (size_t i = 0; i < streams_.size(); ++i) {
    clocks_[lane][i] = std::max(clocks_[lane][i], point_clocks_[point][i]);
  }
  definition_.nodes.push_back(
      {.kind = GraphNode::Kind::kWait, .lane = lane, .point = point});
}

GraphDefinition Capture::End() {
  ended_ = true;
  return std::exchange(definition_, {});
}

bool Capture::IsJoined() const {
  for (size_t lane = 0; lane < streams_.size(); ++lane) {
    if (clocks_[0][lane] != clocks_[lane][lane]) return false;
  }
  return true;
}

namespace {

// All of the work, or none if some of it cannot be done.
cudaError_t IssueAll(const GraphDefinition& graph, std::vector<Work>* works) {
  works->resize(graph.nodes.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (graph.nodes[i].kind != GraphNode::Kind::kWork) continue;
    const cudaError_t error = graph.nodes[i].issue(&(*works)[i]);
    if (error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace

cudaError_t LaunchGraph(CUgraphExec_st& graph, Stream& stream) {
  std::vector<Work> works;
  const cudaError_t error = IssueAll(graph.definition, &works);
  if (error != cudaSuccess) return error;
  if (graph.end != nullptr) stream.PushWait(graph.end);
  Signal* const start = stream.PushSignal();
  for (Stream* side : graph.side_streams) side->PushWait(start);
  std::vector<Signal*> points(graph.definition.points);
  for (size_t i = 0; i < works.size(); ++i) {
    const GraphNode& node = graph.definition.nodes[i];
    Stream& on = node.lane == 0 ? stream : *graph.side_streams[node.lane - 1];
    switch (node.kind) {
      case GraphNode::Kind::kWork:
        on.Push(node.call, std::move(works[i]));
        break;
      case GraphNode::Kind::kRecord:
        points[node.point] = on.PushSignal();
        break;
      case GraphNode::Kind::kWait:
        on.PushWait(points[node.point]);
        break;
    }
  }
  graph.end = stream.PushSignal();
  return cudaSuccess;
}

}  // namespace cogdist::vgpu
