#include "parallel/cuda/nccl_lanes.h"

#include <new>
#include <utility>

#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<std::unique_ptr<NcclLanes>> NcclLanes::Create(GroupLanes lanes,
                                                             Device& device) {
  HostBuffer marks;
  if (lanes.group.ledger != nullptr) {
    COG_ASSIGN_OR_RETURN(
        marks, HostBuffer::Allocate(device, 3 * sizeof(StreamLane::Marks)));
  }
  return std::unique_ptr<NcclLanes>(
      new NcclLanes(std::move(lanes), std::move(marks)));
}

NcclLanes::NcclLanes(GroupLanes lanes, HostBuffer marks)
    : lanes_(std::move(lanes)), marks_(std::move(marks)) {
  if (lanes_.group.ledger == nullptr) return;
  char* memory = static_cast<char*>(marks_.data());
  for (auto [kind, lane] : {std::pair(&collectives_, lanes_.collectives),
                            std::pair(&sends_, lanes_.sends),
                            std::pair(&receives_, lanes_.receives)}) {
    kind->marks = new (memory) StreamLane::Marks;
    kind->lane.emplace(*lanes_.group.ledger, lane, *kind->marks);
    memory += sizeof(StreamLane::Marks);
  }
}

void NcclLanes::OnStream(CudaStream& stream, const Ledger::Entry& entry,
                         absl::FunctionRef<void()> enqueue) {
  Kind& kind = KindOf(entry);
  if (!kind.lane.has_value() || stream.IsCapturing()) return enqueue();
  kind.lane->OnStream(stream, entry, enqueue);
}

void NcclLanes::OnThread(absl::FunctionRef<void()> call) {
  if (!collectives_.lane.has_value()) return call();
  const int64_t number =
      collectives_.lane->Enqueue({.operation = Operation::kBarrier});
  collectives_.marks->begun = number;
  call();
  collectives_.marks->finished = number;
}

NcclLanes::Kind& NcclLanes::KindOf(const Ledger::Entry& entry) {
  if (entry.collective()) return collectives_;
  return entry.from >= 0 ? receives_ : sends_;
}

}  // namespace cogdist
