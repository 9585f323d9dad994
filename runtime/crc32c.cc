#include "runtime/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace cogdist {

uint32_t ExtendCrc32c(uint32_t crc, absl::string_view bytes) {
  constexpr size_t kPiece = size_t{1} << 30;  // ISA-L takes the length as int
  crc = ~crc;
  while (!bytes.empty()) {
    const size_t n = std::min(bytes.size(), kPiece);
    // ISA-L leaves out the const: it only reads.
    auto* data =
        reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
    crc = crc32_iscsi(data, static_cast<int>(n), crc);
    bytes.remove_prefix(n);
  }
  return ~crc;
}

}  // namespace cogdist
