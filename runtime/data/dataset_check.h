// What is checked of a dataset before a run starts. Fast: it reads the meta
// file and a few tokens, never a whole dataset that is in order.

#ifndef COGDIST_RUNTIME_DATA_DATASET_CHECK_H_
#define COGDIST_RUNTIME_DATA_DATASET_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/data/indexed_dataset.h"

namespace cogdist {

struct DatasetNeeds {
  int64_t min_tokens = 0;
  int64_t vocab_size = 0;
  int64_t eos_token_id = -1;  // a token that must occur; -1: none
};

// Checks PREFIX.meta.json, where there is one, against the dataset and the
// needs. InvalidArgument errors name the file, what is wrong and the remedy.
// Returns the tokenizer's fingerprint, empty if it is not known.
absl::StatusOr<std::string> CheckDataset(const IndexedDatasetReader& data,
                                         const DatasetNeeds& needs);

// The error for a token id that is negative or not below vocab_size, at this
// position of the dataset; names dataset, document and offset.
absl::Status TokenIdError(const IndexedDatasetReader& data, int64_t position,
                          int64_t vocab_size);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_DATA_DATASET_CHECK_H_
