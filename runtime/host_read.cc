#include "runtime/host_read.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/check.h"

namespace cogdist {
namespace {

constexpr int64_t kPieceBytes = 4 << 20;  // whole elements of any type

}  // namespace

void ReadOnHost(Stream& stream, const TensorView& x,
                absl::FunctionRef<void(absl::string_view)> read) {
  COG_CHECK(x.IsContiguous());
  if (stream.device_type() == DeviceType::kMeta || x.bytes() == 0) return;
  const char* const data = static_cast<const char*>(x.data);
  if (stream.device_type() == DeviceType::kCpu) {
    stream.Synchronize();
    read(absl::string_view(data, x.bytes()));
    return;
  }
  std::vector<char> piece(std::min(kPieceBytes, x.bytes()));
  for (int64_t done = 0; done < x.bytes(); done += piece.size()) {
    piece.resize(std::min<int64_t>(piece.size(), x.bytes() - done));
    stream.Copy(piece.data(), data + done, piece.size());
    stream.Synchronize();
    read(absl::string_view(piece.data(), piece.size()));
  }
}

}  // namespace cogdist
