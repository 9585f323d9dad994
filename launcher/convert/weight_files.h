// Weights as Hugging Face keeps them in a folder: model.safetensors, or
// model-00001-of-00003.safetensors and so on with an index that says which
// tensor is where.

#ifndef COGDIST_LAUNCHER_CONVERT_WEIGHT_FILES_H_
#define COGDIST_LAUNCHER_CONVERT_WEIGHT_FILES_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "parallel/named_tensor.h"
#include "runtime/dtype.h"
#include "runtime/file_system.h"

namespace cogdist {

struct WeightFilesArgs {
  FileSystem& files;
  absl::string_view folder;  // exists
  absl::Span<const NamedTensor> tensors;
  DType dtype = DType::kFloat32;  // or bfloat16, rounded to nearest even
  // A file has more only if one tensor alone does.
  int64_t max_file_bytes = 0;
};

// Writes all elements of the tensor to `out`, row-major.
using ReadTensor =
    absl::FunctionRef<absl::Status(const NamedTensor&, absl::Span<float> out)>;

struct WeightFilesSummary {
  int64_t tensors = 0;
  int64_t elements = 0;
  int64_t files = 0;
  int64_t bytes = 0;  // of tensors
};

// Writes and syncs the files, one tensor after another: the largest one in
// float32 is all that is in memory. After an error some are there.
absl::StatusOr<WeightFilesSummary> WriteWeightFiles(const WeightFilesArgs& args,
                                                    ReadTensor read);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_CONVERT_WEIGHT_FILES_H_
