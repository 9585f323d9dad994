#include "launcher/sampler.h"

#include <algorithm>
#include <cmath>

namespace cogdist {
namespace {

// How many of the sorted `candidates` reach `top_p` of the whole.
template <typename Candidates>
size_t NucleusSize(const Candidates& candidates, double total, double top_p) {
  double sum = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    sum += candidates[i].probability;
    if (sum >= top_p * total) return i + 1;
  }
  return candidates.size();
}

template <typename Candidates>
double Total(const Candidates& candidates) {
  double total = 0;
  for (const auto& candidate : candidates) total += candidate.probability;
  return total;
}

}  // namespace

Sampler::Sampler(const SamplingOptions& options)
    : options_(options), rng_(options.seed, "sampler") {}

int32_t Sampler::Draw(absl::Span<const float> logits) {
  const auto largest = std::max_element(logits.begin(), logits.end());
  if (options_.temperature == 0) {
    return static_cast<int32_t>(largest - logits.begin());
  }
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    const double difference = double{logits[i]} - *largest;
    candidates_.push_back(
        {static_cast<int32_t>(i), std::exp(difference / options_.temperature)});
  }
  std::stable_sort(candidates_.begin(), candidates_.end(),
                   [](const Candidate& a, const Candidate& b) {
                     return a.probability > b.probability;
                   });
  if (options_.top_k > 0) {
    candidates_.resize(std::min<size_t>(candidates_.size(), options_.top_k));
  }
  candidates_.resize(
      NucleusSize(candidates_, Total(candidates_), options_.top_p));

  double left = rng_.Uniform(draws_++) * Total(candidates_);
  for (const Candidate& candidate : candidates_) {
    left -= candidate.probability;
    if (left < 0) return candidate.id;
  }
  return candidates_.back().id;
}

}  // namespace cogdist
