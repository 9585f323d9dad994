// Philox-4x32-10, a counter-based generator (Salmon et al., "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011). Element i of stream s is a pure
// function of (seed, s, i): every layout, thread count and resume sees the same
// numbers, and nothing has to be saved but the seed.

#ifndef COGDIST_RUNTIME_RNG_H_
#define COGDIST_RUNTIME_RNG_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace cogdist {

// The block of four 32-bit words at `counter`.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter,
                                   std::array<uint32_t, 2> key);

class Rng {
 public:
  Rng(uint64_t seed, uint64_t stream) : seed_(seed), stream_(stream) {}
  // A stream of its own for everything that has a name, e.g. a parameter.
  Rng(uint64_t seed, absl::string_view name);

  uint64_t Bits(uint64_t index) const;   // 64 random bits
  double Uniform(uint64_t index) const;  // in [0, 1), 53 bits
  // In [0, bound), without modulo bias beyond 2^-64 * bound.
  uint64_t Below(uint64_t bound, uint64_t index) const;
  // Mean 0, deviation 1 (Box and Muller's method; elements 2i and 2i + 1 come
  // from one block).
  double Normal(uint64_t index) const;
  // out[i] = std * Normal(first + i), faster than one by one.
  void FillNormal(absl::Span<float> out, uint64_t first, double std) const;

 private:
  std::array<uint32_t, 4> Block(uint64_t index) const;
  std::array<double, 2> NormalPair(uint64_t pair) const;

  uint64_t seed_;
  uint64_t stream_;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_RNG_H_
