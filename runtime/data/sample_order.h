// The order in which a run reads the windows of its datasets: a pure function
// of the sample's number, so that resuming and other layouts need no replay.

#ifndef COGDIST_RUNTIME_DATA_SAMPLE_ORDER_H_
#define COGDIST_RUNTIME_DATA_SAMPLE_ORDER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/data/mixture.h"

namespace cogdist {

class SampleOrder {
 public:
  struct Sample {
    int dataset = -1;  // -1: past the end
    int64_t window = 0;
  };

  // Training: endless. `windows` are the datasets' sizes. Each dataset is read
  // window by window, all of them once before any again; with `shuffle`, in an
  // order of its own for each (seed, dataset, epoch).
  SampleOrder(std::vector<int64_t> windows, Mixture mixture, bool shuffle,
              uint64_t seed);
  // Evaluation: every window once, dataset after dataset, from the front.
  explicit SampleOrder(std::vector<int64_t> windows);

  Sample At(int64_t n) const;

  // Windows of all datasets together.
  int64_t num_windows() const;

 private:
  Sample Training(int64_t n) const;
  Sample Evaluation(int64_t n) const;

  std::vector<int64_t> windows_;
  std::optional<Mixture> mixture_;  // absent in evaluation
  bool shuffle_ = false;
  uint64_t seed_ = 0;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_SAMPLE_ORDER_H_
