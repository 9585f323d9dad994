// CRC-32C (Castagnoli polynomial), the checksum of token files and checkpoints.
// About the speed of memory: ISA-L uses the processor's own instructions.

#ifndef COGDIST_RUNTIME_CRC32C_H_
#define COGDIST_RUNTIME_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace cogdist {

// The checksum of A followed by `bytes`, where `crc` is that of A; the checksum
// of nothing is 0.
uint32_t ExtendCrc32c(uint32_t crc, absl::string_view bytes);

inline uint32_t Crc32c(absl::string_view bytes) {
  return ExtendCrc32c(0, bytes);
}

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_CRC32C_H_
