#include "runtime/rng.h"

#include <cmath>
#include <numbers>

namespace cogdist {
namespace {

uint32_t Low(uint64_t x) { return static_cast<uint32_t>(x); }
uint32_t High(uint64_t x) { return static_cast<uint32_t>(x >> 32); }
uint64_t Join(uint32_t low, uint32_t high) {
  return low | (uint64_t{high} << 32);
}

// FNV-1a, 64 bits: stable across machines, unlike absl::Hash. It names streams,
// so changing it would change every seeded initialisation.
uint64_t Fnv1a(absl::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const unsigned char c : name) hash = (hash ^ c) * 0x100000001b3u;
  return hash;
}

double ToUnit(uint64_t bits) {
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter,
                                   std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * counter[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {High(p1) ^ counter[1] ^ key[0], Low(p1),
               High(p0) ^ counter[3] ^ key[1], Low(p0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

Rng::Rng(uint64_t seed, absl::string_view name)
    : seed_(seed), stream_(Fnv1a(name)) {}

std::array<uint32_t, 4> Rng::Block(uint64_t index) const {
  return Philox4x32({Low(index), High(index), Low(stream_), High(stream_)},
                    {Low(seed_), High(seed_)});
}

uint64_t Rng::Bits(uint64_t index) const {
  const std::array<uint32_t, 4> block = Block(index);
  return Join(block[0], block[1]);
}

double Rng::Uniform(uint64_t index) const { return ToUnit(Bits(index)); }

uint64_t Rng::Below(uint64_t bound, uint64_t index) const {
  __extension__ using uint128 = unsigned __int128;
  return static_cast<uint64_t>((uint128{Bits(index)} * bound) >> 64);
}

std::array<double, 2> Rng::NormalPair(uint64_t pair) const {
  const std::array<uint32_t, 4> block = Block(pair);
  const double radius =
      std::sqrt(-2 * std::log(1 - ToUnit(Join(block[0], block[1]))));
  const double angle = 2 * std::numbers::pi * ToUnit(Join(block[2], block[3]));
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

double Rng::Normal(uint64_t index) const {
  return NormalPair(index / 2)[index % 2];
}

void Rng::FillNormal(absl::Span<float> out, uint64_t first, double std) const {
  if (first % 2 == 1 && !out.empty()) {  // the second half of a pair
    out[0] = static_cast<float>(std * Normal(first));
    out.remove_prefix(1);
    ++first;
  }
  for (size_t i = 0; i < out.size(); i += 2) {
    const std::array<double, 2> pair = NormalPair((first + i) / 2);
    out[i] = static_cast<float>(std * pair[0]);
    if (i + 1 < out.size()) out[i + 1] = static_cast<float>(std * pair[1]);
  }
}

}  // namespace cogdist
