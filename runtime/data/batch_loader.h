// Batches of token windows from one or more datasets. What a step trains on
// follows from (seed, step) alone: loading step s first, or after all others,
// or on another layout, gives the same samples.
//
// A window is T consecutive inputs of the concatenated documents and, shifted
// by one, T targets: window w of a dataset is its tokens [w T, w T + T].

#ifndef COGDIST_RUNTIME_DATA_BATCH_LOADER_H_
#define COGDIST_RUNTIME_DATA_BATCH_LOADER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/data/indexed_dataset.h"
#include "runtime/data/sample_order.h"
#include "runtime/shape.h"

namespace cogdist {

struct DatasetSource {
  std::string prefix;
  double weight = 1;  // share of the training samples, relative to the others
};

struct BatchSpec {
  int64_t seq_len = 0;            // T
  int64_t global_batch_size = 1;  // sequences of a step over all ranks
  int64_t micro_batch_size = 1;   // sequences of one Load()
  int64_t data_rank = 0;          // of data_size data-parallel ranks
  int64_t data_size = 1;
  bool shuffle = true;  // a new order in each epoch; else file order
  bool document_mask = false;
  int64_t eos_token_id = -1;  // needed by document_mask
  int64_t vocab_size = 0;     // ids must be below this
  uint64_t seed = 0;
};

// Kept by the caller and filled again: after the first time nothing is
// allocated.
struct Batch {
  Shape shape;                   // [micro_batch, seq]
  std::vector<int32_t> inputs;   // row-major, as the others
  std::vector<int32_t> targets;  // -1: does not count
  // For each input the position in its window of the first token of its own
  // document; the end-of-document token belongs to the document that it closes.
  std::vector<int32_t> document_start;  // empty without document_mask
  int64_t num_targets = 0;              // that count
};

// Once open, immutable but for StartAt(); threads may share it, each with a
// Batch of its own.
class BatchLoader {
 public:
  // For training: endless. Checks everything that can be checked fast: files,
  // indexes, meta files, lengths, weights, and the numbers in `spec`. All
  // faults here are InvalidArgument or NotFound and name a file or a
  // configuration field.
  static absl::StatusOr<BatchLoader> Open(
      absl::Span<const DatasetSource> sources, const BatchSpec& spec);

  // For evaluation: every token but the first of each dataset is a target once,
  // in file order, dataset after dataset; shuffle, seed and weights have no
  // meaning. What does not fill the last window of a dataset or the last global
  // batch has target -1.
  static absl::StatusOr<BatchLoader> OpenForEvaluation(
      absl::Span<const DatasetSource> sources, const BatchSpec& spec);

  // Step `step` and all after it take the samples from number `first_sample`
  // (from 0) on, in the place of those that follow from `step`. For a run that
  // has changed its batch size.
  void StartAt(int64_t step, int64_t first_sample) {
    start_step_ = step;
    start_sample_ = first_sample;
  }

  // The `micro_batch`-th part (from 0) of this rank's share of `step` (from 1).
  // Rank k of d has samples [k G/d, (k + 1) G/d) of the step's G. OutOfRange
  // with dataset, document and offset when an id is not in the vocabulary. Also
  // asks the system for the next step's data.
  absl::Status Load(int64_t step, int64_t micro_batch, Batch& batch) const;

  // Calls of Load() for one step.
  int64_t micro_batches_per_step() const;
  // Different samples: of one epoch, if there is one dataset.
  int64_t num_samples() const { return order_.num_windows(); }
  // Global batches that hold all samples once, the last perhaps in part.
  int64_t num_batches() const;

 private:
  BatchLoader(std::vector<IndexedDatasetReader> datasets, SampleOrder order,
              const BatchSpec& spec)
      : datasets_(std::move(datasets)), order_(std::move(order)), spec_(spec) {}

  int64_t FirstSample(int64_t step, int64_t micro_batch) const;
  absl::Status LoadRow(SampleOrder::Sample sample, int64_t row,
                       Batch& batch) const;
  // The ids that begin at this position must be in the vocabulary.
  absl::Status CheckIds(const IndexedDatasetReader& data, int64_t position,
                        absl::Span<const int32_t> ids) const;
  void Prefetch(int64_t first_sample) const;

  std::vector<IndexedDatasetReader> datasets_;
  SampleOrder order_;
  BatchSpec spec_;
  int64_t start_step_ = 1;
  int64_t start_sample_ = 0;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_BATCH_LOADER_H_
