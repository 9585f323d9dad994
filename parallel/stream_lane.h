// A lane of the ledger whose operations a device's stream carries out on its
// own. The rank's thread may be far ahead of the stream, and blocked by it, and
// the watching thread calls nothing of a vendor's that might block, too. So the
// stream itself tells how far it has come: before and after an operation it
// writes the operation's number to memory of the host, and whoever judges reads
// it there.

#ifndef COGDIST_PARALLEL_STREAM_LANE_H_
#define COGDIST_PARALLEL_STREAM_LANE_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>

#include "absl/functional/function_ref.h"
#include "parallel/ledger.h"
#include "runtime/gpu_stream.h"

namespace cogdist {

class StreamLane {
 public:
  // Numbers of operations, written in the streams' order.
  struct Marks {
    std::atomic<int64_t> begun = 0;
    std::atomic<int64_t> finished = 0;
  };

  // `lane` of the ledger is this one's from now on. Ledger and marks outlive
  // it.
  StreamLane(Ledger& ledger, Ledger::Lane lane, const Marks& marks);
  // The lane is as the marks have it.
  ~StreamLane();
  StreamLane(const StreamLane&) = delete;
  StreamLane& operator=(const StreamLane&) = delete;

  // `enqueue` puts an operation on `stream`, which tells when it comes to it
  // and when it is past it.
  void OnStream(GpuStream& stream, const Ledger::Entry& entry,
                absl::FunctionRef<void()> enqueue);

  // The rank's thread is about to enqueue an operation. The number, from 1,
  // that the stream writes to `begun` before it, and to `finished` after it.
  int64_t Enqueue(const Ledger::Entry& entry);

  // Tells the ledger what the marks say by now; see Ledger::Refresh(). An
  // operation that the stream is in counts as worked on, whatever the thread
  // does.
  void Refresh();

 private:
  struct Enqueued {
    Ledger::Entry entry;
    int64_t step = 0;
  };

  void RefreshLocked();

  Ledger& ledger_;
  Ledger::Lane lane_;
  const Marks& marks_;
  std::mutex mutex_;              // of the following
  std::deque<Enqueued> waiting_;  // not yet begun, as far as has been told
  int64_t enqueued_ = 0;
  int64_t begun_ = 0;     // told so far
  int64_t finished_ = 0;  // likewise
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_STREAM_LANE_H_
