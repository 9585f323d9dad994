#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "launcher/validate_rules.h"
#include "runtime/data/dataset_check.h"
#include "runtime/data/indexed_dataset.h"
#include "runtime/data/tokenizer.h"
#include "runtime/safetensors.h"

namespace cogdist {
namespace {

using Purpose = ValidateOptions::Purpose;

// A dataset's tokenizer as its meta file names it, empty if that is not known
// or the dataset is faulty.
std::string CheckDatasetFiles(const std::string& path,
                              const std::string& prefix, int64_t min_tokens,
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
      *dataset, {.min_tokens = min_tokens,
                 .vocab_size = config.model().cogformer().vocab_size(),
                 .eos_token_id = needs_eos ? data.eos_token_id() : -1});
  if (tokenizer.ok()) return *tokenizer;
  faults.Add(path, tokenizer.status().message());
  return "";
}

// All datasets of a run, whose ids have to mean the same.
class DatasetsCheck {
 public:
  // `tokenizer`: the fingerprint of the run's own, empty if there is none.
  DatasetsCheck(const RunConfig& config, const std::string& tokenizer,
                Faults& faults)
      : config_(config),
        faults_(faults),
        tokenizer_(tokenizer),
        made_with_(config.tokenizer()) {}

  // `min_tokens`: what each of the `sets` must have.
  void Check(absl::string_view list,
             const google::protobuf::RepeatedPtrField<DatasetConfig>& sets,
             int64_t min_tokens) {
    for (int i = 0; i < sets.size(); ++i) {
      const std::string path = absl::StrCat("data.", list, ".", i, ".prefix");
      const std::string& prefix = sets[i].prefix();
      const std::string tokenizer =
          CheckDatasetFiles(path, prefix, min_tokens, config_, faults_);
      if (tokenizer.empty()) continue;
      if (!tokenizer_.empty() && tokenizer != tokenizer_) {
        faults_.Add(path, prefix, " was made with another tokenizer than ",
                    made_with_, "; prepare it again with that one");
      }
      tokenizer_ = tokenizer;
      made_with_ = prefix;
    }
  }

 private:
  const RunConfig& config_;
  Faults& faults_;
  std::string tokenizer_;  // fingerprint of the last one that is known
  std::string made_with_;  // the tokenizer, or the dataset that names it
};

// The tokenizer's fingerprint, empty where there is none or it is faulty.
std::string CheckTokenizer(const RunConfig& config, Faults& faults) {
  if (!config.has_tokenizer()) return "";
  const auto tokenizer = LoadTokenizer(config.tokenizer());
  if (!tokenizer.ok()) {
    faults.Add("tokenizer", tokenizer.status().message(),
               "; give a tokenizer.json, or the word bytes");
    return "";
  }
  const int64_t vocab_size = config.model().cogformer().vocab_size();
  const int64_t tokens = (*tokenizer)->vocab_size();
  if (vocab_size > 0 && tokens > vocab_size) {
    faults.Add("tokenizer", config.tokenizer(), " has ", tokens,
               " tokens, over model.cogformer.vocab_size ", vocab_size,
               "; set vocab_size: ", tokens, " or more");
  }
  return (*tokenizer)->fingerprint();
}

// That names and shapes are the model's is checked as the weights are loaded.
void CheckInitialWeights(const RunConfig& config, Faults& faults) {
  if (!config.has_init_from()) return;
  const auto weights = SafetensorsReader::Open(config.init_from());
  if (weights.ok()) return;
  faults.Add("init_from", weights.status().message(),
             "; give other weights, or leave init_from out for seeded ones");
}

}  // namespace

void CheckFiles(const RunConfig& config, Purpose purpose, Faults& faults) {
  const std::string tokenizer = CheckTokenizer(config, faults);
  if (purpose == Purpose::kGeneration) return;
  DatasetsCheck datasets(config, tokenizer, faults);
  if (purpose == Purpose::kTraining) {
    datasets.Check("train", config.data().train(), config.data().seq_len() + 1);
    CheckInitialWeights(config, faults);
  }
  // One token and its successor: a window may be filled in part.
  datasets.Check("validation", config.data().validation(), /*min_tokens=*/2);
}

}  // namespace cogdist
