// Choosing the next token from a model's logits.

#ifndef COGDIST_LAUNCHER_SAMPLER_H_
#define COGDIST_LAUNCHER_SAMPLER_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "runtime/rng.h"

namespace cogdist {

struct SamplingOptions {
  // Logits are divided by it. 0: always the likeliest token.
  double temperature = 1;
  // Only the k likeliest tokens can be drawn. 0: all.
  int64_t top_k = 0;
  // Only the smallest set of likeliest tokens whose probabilities reach this
  // sum can be drawn (nucleus sampling, Holtzman et al. 2020). 1: all.
  double top_p = 1;
  uint64_t seed = 0;
};

// The n-th draw depends on the logits, the options and n alone.
class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options);

  // The index drawn from `logits`; ties go to the smaller index.
  int32_t Draw(absl::Span<const float> logits);

 private:
  struct Candidate {
    int32_t id;
    double probability;  // not normalised
  };

  SamplingOptions options_;
  Rng rng_;
  uint64_t draws_ = 0;
  std::vector<Candidate> candidates_;  // likeliest first
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_SAMPLER_H_
