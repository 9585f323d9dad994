#include "launcher/commands/model_folder_flags.h"

#include <cmath>
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "launcher/human_format.h"
#include "models/precision.h"
#include "runtime/file.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::StatusOr<ModelFolderOptions> ParseModelFolderFlags(
    const ParsedCommand& command) {
  ModelFolderOptions options = {.path = command.Text("output", "")};
  while (options.path.size() > 1 && options.path.back() == '/') {
    options.path.pop_back();
  }
  if (options.path.empty()) {
    return absl::InvalidArgumentError(
        "--output: is missing; name a folder that does not exist yet");
  }
  const std::string dtype = command.Text("dtype", "FP32");
  Precision precision = FP32;
  if (!Precision_Parse(dtype, &precision)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--dtype: '", dtype, "' is not FP32 or BF16"));
  }
  options.dtype = ActivationType(precision);
  COG_ASSIGN_OR_RETURN(
      const double gigabytes,
      command.Number("max_shard_gb", 5, {.min = 1e-9, .max = 1e9}));
  options.max_file_bytes = std::llround(gigabytes * 1e9);
  COG_RETURN_IF_ERROR(CreateDirectories(ParentDirectory(options.path)));
  return options;
}

void PrintModelFolder(const ModelFolderOptions& options,
                      const WeightFilesSummary& summary) {
  std::cout << options.path << ": " << FormatCount(summary.elements)
            << " parameters in " << summary.tensors << " tensors, "
            << summary.files << (summary.files == 1 ? " file, " : " files, ")
            << FormatBytes(summary.bytes) << std::endl;
}

}  // namespace cogdist
