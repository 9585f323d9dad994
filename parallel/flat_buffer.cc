#include "parallel/flat_buffer.h"

#include <algorithm>
#include <utility>

#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<FlatBuffer> FlatBuffer::Allocate(
    Device& device, Stream& stream, DType dtype,
    std::vector<ElementRange> pieces) {
  const int64_t align = Device::kAlignment / SizeOf(dtype);
  FlatBuffer flat;
  flat.dtype_ = dtype;
  int64_t total = 0;
  for (const ElementRange& piece : pieces) {
    flat.offsets_.push_back(total);
    total += (piece.count + align - 1) / align * align;
  }
  flat.pieces_ = std::move(pieces);
  COG_ASSIGN_OR_RETURN(flat.buffer_,
                       Buffer::Allocate(device, total * SizeOf(dtype)));
  stream.FillZero(flat.buffer_.data(), flat.buffer_.bytes());
  return flat;
}

TensorView FlatBuffer::View(ElementRange range) const {
  const TensorView all = buffer_.View(dtype_);
  if (range.count == 0) return all.Slice(0, 0, 0);
  const auto after =
      std::upper_bound(pieces_.begin(), pieces_.end(), range.begin,
                       [](int64_t begin, const ElementRange& piece) {
                         return begin < piece.begin;
                       });
  COG_CHECK(after != pieces_.begin() && range.end() <= (after - 1)->end(),
            "elements ", range.begin, " to ", range.end(),
            " are not on this rank");
  const size_t i = after - 1 - pieces_.begin();
  return all.Slice(0, offsets_[i] + range.begin - pieces_[i].begin,
                   range.count);
}

}  // namespace cogdist
