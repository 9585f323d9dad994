// A safetensors file of tensors in memory.

#ifndef COGDIST_TESTS_TESTING_SAFETENSORS_FILE_H_
#define COGDIST_TESTS_TESTING_SAFETENSORS_FILE_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/atomic_file.h"
#include "runtime/check.h"
#include "runtime/safetensors_writer.h"
#include "runtime/status_macros.h"

namespace cogdist {

struct TensorToStore {
  std::string name;
  DType dtype = DType::kFloat32;
  Shape shape;
  absl::string_view bytes;  // row-major; of the size that dtype and shape give
};

inline absl::Status WriteSafetensors(
    absl::string_view path, absl::Span<const TensorToStore> tensors,
    const std::map<std::string, std::string>& metadata = {}) {
  std::vector<TensorSpec> specs;
  std::map<absl::string_view, absl::string_view> bytes;
  for (const TensorToStore& tensor : tensors) {
    specs.push_back({tensor.name, tensor.dtype, tensor.shape});
    COG_CHECK_EQ(static_cast<int64_t>(tensor.bytes.size()),
                 specs.back().bytes());
    bytes[tensor.name] = tensor.bytes;
  }
  COG_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  COG_ASSIGN_OR_RETURN(SafetensorsWriter writer,
                       SafetensorsWriter::Create(file.file(), specs, metadata));
  for (const TensorSpec& tensor : writer.tensors()) {
    COG_RETURN_IF_ERROR(writer.Append(bytes[tensor.name]));
  }
  return file.Commit();
}

}  // namespace cogdist

#endif  // COGDIST_TESTS_TESTING_SAFETENSORS_FILE_H_
