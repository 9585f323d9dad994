#include <filesystem>
#include <string>
#include <system_error>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "launcher/validate_rules.h"
#include "runtime/data/dataset_check.h"
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

// A dataset's tokenizer as its meta file names it, empty if that is not known
// or the dataset is faulty.
std::string CheckDatasetFiles(const std::string& path,
                              const std::string& prefix,
                              const RunConfig& config, Faults& faults) {
  if (prefix.empty()) return "";  // reported as missing
  if (absl::EndsWith(prefix, ".bin") || absl::EndsWith(prefix, ".idx")) {
    faults.Add(path, "\"", prefix, "\" has an ending; use \"",
               prefix.substr(0, prefix.size() - 4), "\"");
    return "";
  }
  const absl::StatusOr<IndexedDatasetReader> dataset =
      IndexedDatasetReader::Open(prefix);
  if (!dataset.ok()) {
    faults.Add(path, dataset.status().message());
    return "";
  }
  const DataConfig& data = config.data();
  const bool needs_eos = data.document_mask() && data.has_eos_token_id();
  const absl::StatusOr<std::string> tokenizer = CheckDataset(
      *dataset, {.min_tokens = data.seq_len() + 1,
                 .vocab_size = config.model().cogformer().vocab_size(),
                 .eos_token_id = needs_eos ? data.eos_token_id() : -1});
  if (tokenizer.ok()) return *tokenizer;
  faults.Add(path, tokenizer.status().message());
  return "";
}

// All datasets of a run, whose ids have to mean the same.
class DatasetsCheck {
 public:
  DatasetsCheck(const RunConfig& config, Faults& faults)
      : config_(config), faults_(faults) {}

  void Check(absl::string_view list,
             const google::protobuf::RepeatedPtrField<DatasetConfig>& sets) {
    for (int i = 0; i < sets.size(); ++i) {
      const std::string path = absl::StrCat("data.", list, ".", i, ".prefix");
      const std::string& prefix = sets[i].prefix();
      const std::string tokenizer =
          CheckDatasetFiles(path, prefix, config_, faults_);
      if (tokenizer.empty()) continue;
      if (!tokenizer_.empty() && tokenizer != tokenizer_) {
        faults_.Add(path, prefix, " was made with another tokenizer than ",
                    prefix_, "; prepare both with the same one");
      }
      tokenizer_ = tokenizer;
      prefix_ = prefix;
    }
  }

 private:
  const RunConfig& config_;
  Faults& faults_;
  std::string tokenizer_;  // of the last dataset that names one
  std::string prefix_;     // of that dataset
};

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
  DatasetsCheck datasets(config, faults);
  datasets.Check("train", config.data().train());
  datasets.Check("validation", config.data().validation());
  if (config.has_init_from()) CheckInitialWeights(config.init_from(), faults);
}

}  // namespace cogdist
