// Weighted mixtures of datasets: which dataset the n-th sample of a run comes
// from, and how many samples that dataset has given before it.
//
// Sample n is the point x_n = (n a + s) mod M of a Kronecker sequence, a / M
// near the golden ratio, s from the seed; the datasets divide [0, M) by weight.
// After any n samples each dataset has given its share of them to within a few
// samples, much closer than independent draws. The points below a bound are
// counted in O(log M) by a Euclid-like sum, so nothing is stored or replayed.

#ifndef COGDIST_RUNTIME_DATA_MIXTURE_H_
#define COGDIST_RUNTIME_DATA_MIXTURE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace cogdist {

class Mixture {
 public:
  struct Draw {
    int dataset;
    int64_t index;  // earlier draws from the same dataset
  };

  // Weights are relative to their sum. InvalidArgument unless there is at least
  // one, each is finite and above 0, and none is below 2^-31 of the sum.
  static absl::StatusOr<Mixture> Create(absl::Span<const double> weights,
                                        uint64_t seed);

  // The draw of sample n >= 0.
  Draw At(int64_t n) const;

 private:
  Mixture(std::vector<uint64_t> bounds, uint64_t start)
      : bounds_(std::move(bounds)), start_(start) {}

  std::vector<uint64_t> bounds_;  // dataset d has [bounds_[d], bounds_[d + 1])
  uint64_t start_;                // s
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_MIXTURE_H_
