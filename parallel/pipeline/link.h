// One direction of a pipeline's traffic: tensors of one shape that come from a
// rank, and others that go to one, beside what the rank computes. Sends and
// receives each have a stream, so that neither waits for the other.

#ifndef COGDIST_PARALLEL_PIPELINE_LINK_H_
#define COGDIST_PARALLEL_PIPELINE_LINK_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "parallel/communicator.h"
#include "runtime/buffer.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

class PipelineLink {
 public:
  struct Args {
    // From the rank before, as rank 0, to this one, as rank 1, and likewise to
    // the rank after; null where nothing comes or goes. For nothing else: the
    // nth tensor sent meets the nth receive, and on GPUs operations of one
    // communicator follow each other, whatever their streams, so that a receive
    // that is posted ahead would hold up a send. They outlive the link.
    Communicator* before = nullptr;
    Communicator* after = nullptr;
    // Where tensors are read and written; outlives the link, as its device
    // does.
    Stream* compute = nullptr;
    Shape shape;
    DType dtype = DType::kFloat32;
    int receive_buffers = 0;  // 0: nothing comes
    int send_buffers = 0;     // 0: nothing goes
  };
  static absl::StatusOr<std::unique_ptr<PipelineLink>> Create(const Args& args);

  // Lets the next tensor come. REQUIRES: a buffer is free.
  void PostReceive();
  // The oldest tensor that is coming; the compute stream waits for it. The
  // caller's until Release().
  TensorView Receive();
  // The compute stream has no further use for a received tensor after what is
  // enqueued on it.
  void Release(const TensorView& received);

  // Memory for the next tensor to send; the compute stream waits until it is
  // free.
  TensorView BeginSend();
  // Sends what the compute stream has written there.
  void EndSend();

  // Its streams, where it has any.
  std::vector<Stream*> streams() const;
  // The compute stream has waited for all that was enqueued, and nothing is on
  // its way.
  void Forget();

  int64_t buffer_bytes() const { return buffer_.bytes(); }
  // Scratch memory of its streams.
  int64_t workspace_bytes() const;
  // Since its creation: for how long the compute stream could not go on for
  // want of a tensor or of memory to write to. 0 where streams run by
  // themselves, as on a GPU.
  double waited_seconds() const { return waited_seconds_; }

 private:
  struct Slot {
    TensorView tensor;
    Event free;  // when it may be written again
  };
  struct Coming {
    int slot = 0;
    Event arrived;
  };

  explicit PipelineLink(const Args& args) : args_(args) {}
  void CutBuffer();
  void WaitFor(const Event& event);

  const Args args_;
  Buffer buffer_;
  std::vector<Slot> receive_slots_;
  std::vector<int> free_slots_;  // of receive_slots_
  std::deque<Coming> coming_;
  std::vector<Slot> send_slots_;
  int next_send_ = 0;
  double waited_seconds_ = 0;
  // Destroyed first: they finish what uses the rest.
  std::unique_ptr<Stream> receive_stream_;
  std::unique_ptr<Stream> send_stream_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_PIPELINE_LINK_H_
