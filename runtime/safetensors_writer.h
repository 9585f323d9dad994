// Writes tensors as one safetensors file, byte for byte as the reference
// library does: widest types first, then by name, data aligned to 8 bytes.

#ifndef COGDIST_RUNTIME_SAFETENSORS_WRITER_H_
#define COGDIST_RUNTIME_SAFETENSORS_WRITER_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/dtype.h"
#include "runtime/shape.h"

namespace cogdist {

struct TensorToStore {
  std::string name;  // UTF-8; each once
  DType dtype = DType::kFloat32;
  Shape shape;
  absl::string_view bytes;  // row-major; of the size that dtype and shape give
};

// Replaces the file at `path` atomically. `metadata` goes to __metadata__.
// Fails as the file system does; wrong sizes and double names are bugs.
absl::Status WriteSafetensors(
    absl::string_view path, absl::Span<const TensorToStore> tensors,
    const std::map<std::string, std::string>& metadata = {});

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_SAFETENSORS_WRITER_H_
