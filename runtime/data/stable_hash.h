// A hash that is the same on every machine, in every version, for ever: it
// decides which documents are held out and names tokenizers.

#ifndef COGDIST_RUNTIME_DATA_STABLE_HASH_H_
#define COGDIST_RUNTIME_DATA_STABLE_HASH_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace cogdist {

// 64 bits, every one depending on all of `bytes`. FNV-1a, then the finaliser of
// MurmurHash3, because the high bits of FNV-1a alone hardly move for short
// inputs. Pass one hash as `seed` of the next to hash several strings, or any
// number for an independent hash of the same bytes. Not for adversaries.
inline uint64_t StableHash(absl::string_view bytes, uint64_t seed = 0) {
  uint64_t hash = 0xcbf29ce484222325u ^ seed;
  for (const unsigned char c : bytes) hash = (hash ^ c) * 0x100000001b3u;
  hash ^= bytes.size();
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
  hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
  return hash ^ hash >> 33;
}

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_STABLE_HASH_H_
