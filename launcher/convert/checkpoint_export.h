// From a checkpoint to a folder for Hugging Face Transformers and others.

#ifndef COGDIST_LAUNCHER_CONVERT_CHECKPOINT_EXPORT_H_
#define COGDIST_LAUNCHER_CONVERT_CHECKPOINT_EXPORT_H_

#include "absl/status/statusor.h"
#include "launcher/convert/model_folder.h"
#include "parallel/checkpoint/stored_checkpoint.h"
#include "runtime/file_system.h"

namespace cogdist {

// Writes the master weights, whichever layout has written them; every byte that
// is read is checked. The tokenizer is the copy in the run directory around the
// checkpoint, or else the file that its configuration names.
absl::StatusOr<WeightFilesSummary> ExportCheckpoint(
    FileSystem& files, const StoredCheckpoint& checkpoint,
    const ModelFolderOptions& options);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_CONVERT_CHECKPOINT_EXPORT_H_
