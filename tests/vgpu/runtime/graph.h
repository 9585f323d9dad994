// Work as streams take it, and graphs: work that was captured instead of done,
// with the order between streams, to be done again and again.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_GRAPH_H_
#define COGDIST_TESTS_VGPU_RUNTIME_GRAPH_H_

#include <functional>
#include <memory>
#include <vector>

#include "cuda_runtime_api.h"
#include "tests/vgpu/runtime/signal.h"

struct CUgraphExec_st;

namespace cogdist::vgpu {

class Stream;

// Runs on the thread of a stream `on`, which in a graph is another than that
// which the call named.
using Work = std::function<void(Stream& on)>;
// Runs on the host each time that the call takes effect (once, or at every
// launch of a graph): checks the call's pointers as they are then and fills in
// the work.
using Issue = std::function<cudaError_t(Work* work)>;

struct GraphNode {
  enum class Kind { kWork, kRecord, kWait };
  Kind kind = Kind::kWork;
  int lane = 0;  // the stream it was captured on; lane 0 is the launch's
  const char* call = nullptr;
  Issue issue;    // of work
  int point = 0;  // recorded or waited for
};

// Nodes in the order of the calls.
struct GraphDefinition {
  std::vector<GraphNode> nodes;
  int lanes = 0;
  int points = 0;
};

// A capture under way. Used by the host's thread.
class Capture {
 public:
  explicit Capture(Stream* origin) { AddLane(origin); }

  // The lane of a stream, which joins if it is new.
  int LaneOf(Stream* stream);
  bool IsOrigin(const Stream* stream) const { return streams_[0] == stream; }
  const std::vector<Stream*>& streams() const { return streams_; }

  void AddWork(Stream* stream, const char* call, Issue issue);
  int AddRecord(Stream* stream);
  void AddWait(Stream* stream, int point);
  // Every stream's work happens before the origin's end.
  bool IsJoined() const;

  // What was captured, which leaves this: events may keep an ended capture.
  GraphDefinition End();
  bool ended() const { return ended_; }

  // Somebody did what a capture does not allow; its end will fail.
  bool invalid = false;

 private:
  // How many pieces of work of each lane have happened before.
  using Clock = std::vector<int>;
  void AddLane(Stream* stream);

  bool ended_ = false;
  GraphDefinition definition_;
  std::vector<Stream*> streams_;
  std::vector<Clock> clocks_;        // by lane
  std::vector<Clock> point_clocks_;  // by point
};

// Does all of a graph once, after what is on `stream`.
cudaError_t LaunchGraph(CUgraphExec_st& graph, Stream& stream);

}  // namespace cogdist::vgpu

struct CUgraph_st {
  cogdist::vgpu::GraphDefinition definition;
};

struct CUgraphExec_st {
  cogdist::vgpu::GraphDefinition definition;
  int device = 0;
  std::vector<cogdist::vgpu::Stream*> side_streams;  // lanes 1, 2, ...
  // Where the latest launch ends: launches of one graph do not overlap.
  cogdist::vgpu::Signal* end = nullptr;
};

#endif  // COGDIST_TESTS_VGPU_RUNTIME_GRAPH_H_
