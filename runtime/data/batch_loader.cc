#include "runtime/data/batch_loader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "runtime/data/dataset_check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::Status CheckSpec(const BatchSpec& spec) {
  if (spec.seq_len < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("data.seq_len must be at least 1, not ", spec.seq_len));
  }
  if (spec.global_batch_size < 1 || spec.micro_batch_size < 1 ||
      spec.global_batch_size % (spec.micro_batch_size * spec.data_size) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "batch.global_batch_size ", spec.global_batch_size,
        " must be a multiple of batch.micro_batch_size ", spec.micro_batch_size,
        " times ", spec.data_size, " data-parallel ranks"));
  }
  if (spec.document_mask &&
      (spec.eos_token_id < 0 || spec.eos_token_id >= spec.vocab_size)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "data.document_mask needs data.eos_token_id in [0, ", spec.vocab_size,
        "), the token that closes each document"));
  }
  return absl::OkStatus();
}

// Opens all datasets and checks them. `min_tokens` is what one must have.
absl::StatusOr<std::vector<IndexedDatasetReader>> OpenAll(
    absl::Span<const DatasetSource> sources, const BatchSpec& spec,
    int64_t min_tokens) {
  COG_CHECK(spec.data_rank >= 0 && spec.data_rank < spec.data_size);
  COG_CHECK_GE(spec.vocab_size, 1);
  COG_RETURN_IF_ERROR(CheckSpec(spec));
  if (sources.empty()) return absl::InvalidArgumentError("no dataset is given");
  const DatasetNeeds needs = {
      .min_tokens = min_tokens,
      .vocab_size = spec.vocab_size,
      .eos_token_id = spec.document_mask ? spec.eos_token_id : -1};
  std::vector<IndexedDatasetReader> datasets;
  std::string tokenizer, tokenizer_prefix;
  for (const DatasetSource& source : sources) {
    COG_ASSIGN_OR_RETURN(IndexedDatasetReader data,
                         IndexedDatasetReader::Open(source.prefix));
    COG_ASSIGN_OR_RETURN(const std::string fingerprint,
                         CheckDataset(data, needs));
    datasets.push_back(std::move(data));
    if (fingerprint.empty()) continue;
    if (!tokenizer.empty() && fingerprint != tokenizer) {
      return absl::InvalidArgumentError(absl::StrCat(
          source.prefix, " and ", tokenizer_prefix,
          " were made with different tokenizers; make both with one"));
    }
    tokenizer = fingerprint;
    tokenizer_prefix = source.prefix;
  }
  return datasets;
}

void FindDocumentStarts(absl::Span<const int32_t> inputs, int64_t eos_token_id,
                        int32_t* document_start) {
  int32_t start = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    document_start[i] = start;
    if (inputs[i] == eos_token_id) start = static_cast<int32_t>(i) + 1;
  }
}

}  // namespace

absl::StatusOr<BatchLoader> BatchLoader::Open(
    absl::Span<const DatasetSource> sources, const BatchSpec& spec) {
  COG_ASSIGN_OR_RETURN(std::vector<IndexedDatasetReader> datasets,
                       OpenAll(sources, spec, spec.seq_len + 1));
  std::vector<double> weights;
  for (const DatasetSource& source : sources) weights.push_back(source.weight);
  COG_ASSIGN_OR_RETURN(Mixture mixture, Mixture::Create(weights, spec.seed));
  std::vector<int64_t> windows;
  for (const IndexedDatasetReader& data : datasets) {
    windows.push_back((data.num_tokens() - 1) / spec.seq_len);
    if (spec.shuffle) data.ExpectRandomReads();
  }
  return BatchLoader(std::move(datasets),
                     SampleOrder(std::move(windows), std::move(mixture),
                                 spec.shuffle, spec.seed),
                     spec);
}

absl::StatusOr<BatchLoader> BatchLoader::OpenForEvaluation(
    absl::Span<const DatasetSource> sources, const BatchSpec& spec) {
  COG_ASSIGN_OR_RETURN(std::vector<IndexedDatasetReader> datasets,
                       OpenAll(sources, spec, /*min_tokens=*/2));
  std::vector<int64_t> windows;
  for (const IndexedDatasetReader& data : datasets) {
    windows.push_back((data.num_tokens() - 2) / spec.seq_len + 1);
  }
  return BatchLoader(std::move(datasets), SampleOrder(std::move(windows)),
                     spec);
}

int64_t BatchLoader::micro_batches_per_step() const {
  return spec_.global_batch_size / spec_.data_size / spec_.micro_batch_size;
}

int64_t BatchLoader::num_batches() const {
  return (num_samples() - 1) / spec_.global_batch_size + 1;
}

int64_t BatchLoader::FirstSample(int64_t step, int64_t micro_batch) const {
  COG_CHECK_GE(step, start_step_);
  COG_CHECK(micro_batch >= 0 && micro_batch < micro_batches_per_step());
  return start_sample_ + (step - start_step_) * spec_.global_batch_size +
         spec_.data_rank * (spec_.global_batch_size / spec_.data_size) +
         micro_batch * spec_.micro_batch_size;
}

absl::Status BatchLoader::Load(int64_t step, int64_t micro_batch,
                               Batch& batch) const {
  const int64_t first = FirstSample(step, micro_batch);
  const int64_t rows = spec_.micro_batch_size;
  const int64_t size = rows * spec_.seq_len;
  batch.shape = Shape({rows, spec_.seq_len});
  batch.inputs.resize(size);
  batch.targets.resize(size);
  batch.document_start.resize(spec_.document_mask ? size : 0);
  batch.num_targets = 0;
  for (int64_t row = 0; row < rows; ++row) {
    COG_RETURN_IF_ERROR(LoadRow(order_.At(first + row), row, batch));
  }
  Prefetch(first + spec_.global_batch_size);
  return absl::OkStatus();
}

absl::Status BatchLoader::LoadRow(SampleOrder::Sample sample, int64_t row,
                                  Batch& batch) const {
  const int64_t seq_len = spec_.seq_len;
  const absl::Span<int32_t> inputs =
      absl::MakeSpan(batch.inputs).subspan(row * seq_len, seq_len);
  const absl::Span<int32_t> targets =
      absl::MakeSpan(batch.targets).subspan(row * seq_len, seq_len);
  int64_t count = 0;  // targets that the dataset has for this window
  if (sample.dataset >= 0) {
    const IndexedDatasetReader& data = datasets_[sample.dataset];
    const int64_t begin = sample.window * seq_len;
    count = std::min(seq_len, data.num_tokens() - 1 - begin);
    data.Read(begin, inputs.subspan(0, count));
    data.Read(begin + 1, targets.subspan(0, count));
    // Together these are the window's count + 1 tokens.
    COG_RETURN_IF_ERROR(CheckIds(data, begin, inputs.subspan(0, 1)));
    COG_RETURN_IF_ERROR(CheckIds(data, begin + 1, targets.subspan(0, count)));
  }
  std::fill(inputs.begin() + count, inputs.end(), 0);
  std::fill(targets.begin() + count, targets.end(), -1);
  batch.num_targets += count;
  if (spec_.document_mask) {
    FindDocumentStarts(inputs, spec_.eos_token_id,
                       batch.document_start.data() + row * seq_len);
  }
  return absl::OkStatus();
}

absl::Status BatchLoader::CheckIds(const IndexedDatasetReader& data,
                                   int64_t position,
                                   absl::Span<const int32_t> ids) const {
  uint32_t largest = 0;  // negative ids are large as unsigned numbers
  for (const int32_t id : ids) {
    largest = std::max(largest, static_cast<uint32_t>(id));
  }
  if (largest < spec_.vocab_size) return absl::OkStatus();
  const auto first = std::find_if(ids.begin(), ids.end(), [&](int32_t id) {
    return static_cast<uint32_t>(id) >= spec_.vocab_size;
  });
  return TokenIdError(data, position + (first - ids.begin()), spec_.vocab_size);
}

void BatchLoader::Prefetch(int64_t first_sample) const {
  for (int64_t row = 0; row < spec_.micro_batch_size; ++row) {
    const SampleOrder::Sample sample = order_.At(first_sample + row);
    if (sample.dataset < 0) return;
    const IndexedDatasetReader& data = datasets_[sample.dataset];
    const int64_t begin = sample.window * spec_.seq_len;
    data.Prefetch(begin,
                  std::min(spec_.seq_len + 1, data.num_tokens() - begin));
  }
}

}  // namespace cogdist
