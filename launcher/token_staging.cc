#include "launcher/token_staging.h"

#include <utility>

#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<TokenStaging> TokenStaging::Create(Device& device,
                                                  const Size& size) {
  constexpr int64_t kArrays = 3;  // inputs, targets, document starts
  const int64_t bytes = size.micro_batches * kArrays * size.sequences *
                        size.tokens * int64_t{sizeof(int32_t)};
  COG_ASSIGN_OR_RETURN(HostBuffer memory, HostBuffer::Allocate(device, bytes));
  return TokenStaging(size, std::move(memory));
}

TokenStaging::TokenStaging(const Size& size, HostBuffer memory)
    : size_(size), memory_(std::move(memory)), slots_(size.micro_batches) {
  if (memory_.bytes() == 0) return;  // of a plan, which moves no tokens
  const size_t count = size.sequences * size.tokens;
  absl::Span<int32_t> rest = memory_.As<int32_t>();
  for (Slot& slot : slots_) {
    for (auto* array : {&slot.inputs, &slot.targets, &slot.document_starts}) {
      *array = rest.first(count);
      rest.remove_prefix(count);
    }
  }
}

void TokenStaging::Restart(Stream& stream) {
  // A step has waited for its loss, and so for its copies; evaluations follow
  // each other without.
  if (!uploaded_.Done()) stream.Synchronize();
  uploaded_ = Event();
  for (Slot& slot : slots_) slot.filled = false;
}

void TokenStaging::Put(int64_t micro_batch, const Batch& whole,
                       absl::Span<const Piece> pieces) {
  Slot& slot = slots_[micro_batch];
  COG_CHECK(!slot.filled, "a copy of it may be under way");
  COG_CHECK_EQ(whole.shape.dim(0), size_.sequences);
  slot.has_documents = !whole.document_start.empty();
  slot.num_targets = whole.num_targets;
  slot.filled = true;
  if (memory_.bytes() == 0) return;
  GatherPieces(slot.inputs, whole.inputs, pieces);
  GatherPieces(slot.targets, whole.targets, pieces);
  if (slot.has_documents) {
    GatherPieces(slot.document_starts, whole.document_start, pieces);
  }
}

TensorView TokenStaging::Inputs(int64_t micro_batch, Stream& stream,
                                Arena& arena) {
  return Upload(slots_[micro_batch].inputs, stream, arena);
}

TensorView TokenStaging::Targets(int64_t micro_batch, Stream& stream,
                                 Arena& arena) {
  return Upload(slots_[micro_batch].targets, stream, arena);
}

TensorView TokenStaging::DocumentStarts(int64_t micro_batch, Stream& stream,
                                        Arena& arena) {
  const Slot& slot = slots_[micro_batch];
  if (!slot.has_documents) return TensorView();
  return Upload(slot.document_starts, stream, arena);
}

TensorView TokenStaging::Upload(absl::Span<const int32_t> values,
                                Stream& stream, Arena& arena) {
  const TensorView tensor =
      arena.Allocate(DType::kInt32, {size_.sequences, size_.tokens});
  if (values.empty()) return tensor;
  stream.Copy(tensor.data, values.data(), tensor.bytes());
  uploaded_ = stream.Record();
  return tensor;
}

}  // namespace cogdist
