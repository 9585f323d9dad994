#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "launcher/validate_rules.h"
#include "runtime/data/dataset_meta.h"
#include "runtime/data/indexed_dataset.h"

namespace cogdist {
namespace {

bool IsFile(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

bool IsFolder(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

// What PREFIX.meta.json says against the model and the data section. Foreign
// datasets have none; their ids are checked as they are read.
void CheckMeta(const std::string& path, const std::string& prefix,
               const RunConfig& config, Faults& faults) {
  const absl::StatusOr<DatasetMeta> meta = ReadDatasetMeta(prefix);
  if (absl::IsNotFound(meta.status())) return;
  if (!meta.ok()) return faults.Add(path, meta.status().message());
  const int64_t vocab_size = config.model().cogformer().vocab_size();
  if (vocab_size > 0 && meta->largest_token_id >= vocab_size) {
    faults.Add(path, prefix, ".bin holds token id ", meta->largest_token_id,
               ", over a vocabulary of ", vocab_size,
               "; set model.cogformer.vocab_size: ", meta->largest_token_id + 1,
               " or more, or take data of the same tokenizer");
  }
  const DataConfig& data = config.data();
  if (data.has_eos_token_id() && meta->eos_token_id >= 0 &&
      data.eos_token_id() != meta->eos_token_id) {
    faults.Add("data.eos_token_id", data.eos_token_id(), ", but documents of ",
               prefix, " end in token ", meta->eos_token_id, "; use ",
               meta->eos_token_id);
  }
}

void CheckDataset(const std::string& path, const std::string& prefix,
                  const RunConfig& config, Faults& faults) {
  if (prefix.empty()) return;  // reported as missing
  if (absl::EndsWith(prefix, ".bin") || absl::EndsWith(prefix, ".idx")) {
    return faults.Add(path, "\"", prefix, "\" has an ending; use \"",
                      prefix.substr(0, prefix.size() - 4), "\"");
  }
  const absl::StatusOr<IndexedDatasetReader> dataset =
      IndexedDatasetReader::Open(prefix);
  if (!dataset.ok()) return faults.Add(path, dataset.status().message());
  // A sample is seq_len inputs and, shifted by one, as many targets.
  const int64_t tokens = dataset->num_tokens();
  const int64_t seq_len = config.data().seq_len();
  if (tokens <= seq_len) {
    faults.Add(path, prefix, " has ", tokens,
               " tokens, too few for one sequence of data.seq_len ", seq_len,
               " and its last target; take more data",
               tokens > 1 ? absl::StrCat(", or seq_len: ", tokens - 1) : "");
  }
  CheckMeta(path, prefix, config, faults);
}

void CheckInitialWeights(const std::string& path, Faults& faults) {
  const std::string index = path + "/model.safetensors.index.json";
  if (IsFolder(path) && !IsFile(index) &&
      !IsFile(path + "/model.safetensors")) {
    faults.Add("init_from", "the folder ", path,
               " has no model.safetensors.index.json; give a folder that has "
               "one, or a safetensors file");
  } else if (!IsFolder(path) && !IsFile(path)) {
    faults.Add("init_from", "there is no file ", path,
               "; give a safetensors file, or leave init_from out for seeded "
               "initial weights");
  }
}

}  // namespace

void CheckFiles(const RunConfig& config, bool training, Faults& faults) {
  const std::string& tokenizer = config.tokenizer();
  if (config.has_tokenizer() && tokenizer != "bytes" && !IsFile(tokenizer)) {
    faults.Add("tokenizer", "there is no file ", tokenizer,
               "; give a tokenizer.json, or the word bytes");
  }
  if (!training) return;
  const DataConfig& data = config.data();
  for (int i = 0; i < data.train_size(); ++i) {
    CheckDataset(absl::StrCat("data.train.", i, ".prefix"),
                 data.train(i).prefix(), config, faults);
  }
  for (int i = 0; i < data.validation_size(); ++i) {
    CheckDataset(absl::StrCat("data.validation.", i, ".prefix"),
                 data.validation(i).prefix(), config, faults);
  }
  if (config.has_init_from()) CheckInitialWeights(config.init_from(), faults);
}

}  // namespace cogdist
