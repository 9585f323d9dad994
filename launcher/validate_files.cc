#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/match.h"
#include "launcher/validate_rules.h"

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

void CheckDataset(const std::string& path, const std::string& prefix,
                  Faults& faults) {
  if (prefix.empty()) return;  // reported as missing
  if (absl::EndsWith(prefix, ".bin") || absl::EndsWith(prefix, ".idx")) {
    faults.Add(path, "\"", prefix, "\" has an ending; use \"",
               prefix.substr(0, prefix.size() - 4), "\"");
    return;
  }
  for (const char* const ending : {".idx", ".bin"}) {
    if (IsFile(prefix + ending)) continue;
    faults.Add(path, "there is no file ", prefix, ending,
               "; `cogdist prepare` makes datasets, relative paths start in "
               "the working directory");
    return;
  }
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
                 data.train(i).prefix(), faults);
  }
  for (int i = 0; i < data.validation_size(); ++i) {
    CheckDataset(absl::StrCat("data.validation.", i, ".prefix"),
                 data.validation(i).prefix(), faults);
  }
  if (config.has_init_from()) CheckInitialWeights(config.init_from(), faults);
}

}  // namespace cogdist
