// A pipeline over batches that uses all cores and still writes in order.

#ifndef COGDIST_LAUNCHER_RUN_IN_ORDER_H_
#define COGDIST_LAUNCHER_RUN_IN_ORDER_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cogdist {

template <typename Batch>
struct BatchPipeline {
  // Fills the next batch; false at the end. One call at a time, in order.
  absl::FunctionRef<absl::StatusOr<bool>(Batch& batch)> read;
  // All threads at once; `thread` counts from 0.
  absl::FunctionRef<absl::Status(int thread, Batch& batch)> work;
  // One call at a time, in the order of reading.
  absl::FunctionRef<absl::Status(Batch& batch)> write;
};

// Runs every batch through `pipeline` on `threads` threads, each of which reads
// a batch, works on it and waits for its turn to write: there are never more
// than `threads` batches in memory. Ends with the error of the earliest batch
// that had one, the same for every number of threads; no later batch has been
// written then.
template <typename Batch>
absl::Status RunInOrder(int threads, const BatchPipeline<Batch>& pipeline) {
  std::mutex read_mutex;
  int64_t next_read = 0;
  std::atomic<bool> end = false;

  std::mutex write_mutex;
  std::condition_variable turn;
  int64_t next_write = 0;
  absl::Status first_error;

  const auto run = [&](int thread) {
    for (;;) {
      Batch batch{};
      absl::Status status;
      int64_t index;
      {
        const std::lock_guard<std::mutex> lock(read_mutex);
        if (end) return;
        const absl::StatusOr<bool> more = pipeline.read(batch);
        status = more.status();
        end = !more.ok() || !*more;
        if (more.ok() && !*more) return;
        index = next_read++;
      }
      if (status.ok()) status = pipeline.work(thread, batch);
      std::unique_lock<std::mutex> lock(write_mutex);
      turn.wait(lock, [&] { return next_write == index || !first_error.ok(); });
      if (!first_error.ok()) return;
      if (status.ok()) status = pipeline.write(batch);
      first_error = status;
      if (!status.ok()) end = true;
      ++next_write;
      turn.notify_all();
    }
  };

  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread) {
    others.emplace_back(run, thread);
  }
  run(0);
  for (std::thread& other : others) other.join();
  return first_error;
}

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_RUN_IN_ORDER_H_
