// A rank's tokens on their way to its device. Streams copy them while the host
// goes on, so every micro-batch of a step has host memory of its own, which is
// written again only when the copies from it are done.

#ifndef COGDIST_LAUNCHER_TOKEN_STAGING_H_
#define COGDIST_LAUNCHER_TOKEN_STAGING_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "parallel/context/zigzag.h"
#include "runtime/arena.h"
#include "runtime/data/batch_loader.h"
#include "runtime/host_buffer.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

class TokenStaging {
 public:
  struct Size {
    int64_t micro_batches = 0;  // of a step
    int64_t sequences = 0;      // of a micro-batch
    int64_t tokens = 0;         // of a sequence, on this rank
  };
  TokenStaging() = default;
  // The device outlives it.
  static absl::StatusOr<TokenStaging> Create(Device& device, const Size& size);

  // The micro-batches of another step, or evaluation, are about to come, and
  // none is here. Waits for what `stream` still copies of the last one.
  void Restart(Stream& stream);

  // The host has waited for all copies.
  void ForgetCopies() { uploaded_ = Event(); }
  // Keeps `pieces` of each sequence of `whole`; once after each Restart().
  void Put(int64_t micro_batch, const Batch& whole,
           absl::Span<const Piece> pieces);

  // A tensor of `arena`, int32 [sequences, tokens], with a copy enqueued on
  // `stream`. REQUIRES: it was Put().
  TensorView Inputs(int64_t micro_batch, Stream& stream, Arena& arena);
  TensorView Targets(int64_t micro_batch, Stream& stream, Arena& arena);
  // Absent where the batch had none.
  TensorView DocumentStarts(int64_t micro_batch, Stream& stream, Arena& arena);
  // Of the whole sequences.
  int64_t num_targets(int64_t micro_batch) const {
    return slots_[micro_batch].num_targets;
  }

 private:
  struct Slot {
    absl::Span<int32_t> inputs, targets, document_starts;
    bool has_documents = false;
    int64_t num_targets = 0;
    bool filled = false;
  };

  TokenStaging(const Size& size, HostBuffer memory);
  TensorView Upload(absl::Span<const int32_t> values, Stream& stream,
                    Arena& arena);

  Size size_;
  HostBuffer memory_;
  std::vector<Slot> slots_;
  Event uploaded_;  // the last copy so far
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_TOKEN_STAGING_H_
