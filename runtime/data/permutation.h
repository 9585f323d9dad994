// Seeded permutations of [0, size) that take no memory: the shuffled order of a
// dataset of any length, from any position.
//
// A Feistel network (alternating halves of the index, Philox as the round
// function) permutes the powers of two; values outside [0, size) are permuted
// again until they fall inside ("cycle walking": Black and Rogaway, "Ciphers
// with Arbitrary Finite Domains", CT-RSA 2002).

#ifndef COGDIST_RUNTIME_DATA_PERMUTATION_H_
#define COGDIST_RUNTIME_DATA_PERMUTATION_H_

#include <cstdint>

#include "runtime/rng.h"

namespace cogdist {

class Permutation {
 public:
  // A permutation of its own for each (seed, stream). size >= 1.
  Permutation(int64_t size, uint64_t seed, uint64_t stream);

  // The value at `index`, both in [0, size). About half a microsecond.
  int64_t Forward(int64_t index) const;

 private:
  uint64_t Encrypt(uint64_t value) const;

  Rng rng_;
  uint64_t size_;
  int low_bits_;  // the low half of an index; the high half has as many or more
  uint64_t low_mask_;
  uint64_t high_mask_;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_PERMUTATION_H_
