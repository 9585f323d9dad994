#include "runtime/data/sample_order.h"

#include <numeric>
#include <utility>

#include "runtime/data/permutation.h"
#include "runtime/rng.h"

namespace cogdist {

SampleOrder::SampleOrder(std::vector<int64_t> windows, Mixture mixture,
                         bool shuffle, uint64_t seed)
    : windows_(std::move(windows)),
      mixture_(std::move(mixture)),
      shuffle_(shuffle),
      seed_(seed) {}

SampleOrder::SampleOrder(std::vector<int64_t> windows)
    : windows_(std::move(windows)) {}

SampleOrder::Sample SampleOrder::At(int64_t n) const {
  return mixture_.has_value() ? Training(n) : Evaluation(n);
}

int64_t SampleOrder::num_windows() const {
  return std::accumulate(windows_.begin(), windows_.end(), int64_t{0});
}

SampleOrder::Sample SampleOrder::Training(int64_t n) const {
  const Mixture::Draw draw = mixture_->At(n);
  const int64_t size = windows_[draw.dataset];
  const int64_t epoch = draw.index / size;
  const int64_t index = draw.index % size;
  if (!shuffle_) return {draw.dataset, index};
  const uint64_t stream = Rng(seed_, "sample order")
                              .Bits(static_cast<uint64_t>(draw.dataset) << 40 |
                                    static_cast<uint64_t>(epoch));
  return {draw.dataset, Permutation(size, seed_, stream).Forward(index)};
}

SampleOrder::Sample SampleOrder::Evaluation(int64_t n) const {
  for (size_t dataset = 0; dataset < windows_.size(); ++dataset) {
    if (n < windows_[dataset]) return {static_cast<int>(dataset), n};
    n -= windows_[dataset];
  }
  return {};
}

}  // namespace cogdist
