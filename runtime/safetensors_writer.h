// Writes tensors as one safetensors file, byte for byte as the reference
// library does: widest types first, then by name, data aligned to 8 bytes.

#ifndef COGDIST_RUNTIME_SAFETENSORS_WRITER_H_
#define COGDIST_RUNTIME_SAFETENSORS_WRITER_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/atomic_file.h"
#include "runtime/dtype.h"
#include "runtime/shape.h"

namespace cogdist {

struct TensorSpec {
  std::string name;  // UTF-8; each once
  DType dtype = DType::kFloat32;
  Shape shape;

  int64_t bytes() const { return shape.num_elements() * SizeOf(dtype); }
};

// For tensors that are not in memory all at once. Fails as the file system
// does; wrong sizes and double names are bugs.
class SafetensorsWriter {
 public:
  // `metadata` goes to __metadata__.
  static absl::StatusOr<SafetensorsWriter> Create(
      absl::string_view path, absl::Span<const TensorSpec> tensors,
      const std::map<std::string, std::string>& metadata = {});

  // In the order in which their data is to come.
  absl::Span<const TensorSpec> tensors() const { return tensors_; }
  // The data, row-major, in pieces of any size.
  absl::Status Append(absl::string_view bytes);
  // Replaces the file at the path atomically. REQUIRES: all data has come.
  absl::Status Commit();

 private:
  SafetensorsWriter(std::vector<TensorSpec> tensors, AtomicFile file);

  std::vector<TensorSpec> tensors_;
  AtomicFile file_;
  int64_t bytes_missing_ = 0;
};

struct TensorToStore {
  std::string name;
  DType dtype = DType::kFloat32;
  Shape shape;
  absl::string_view bytes;  // row-major; of the size that dtype and shape give
};

// All at once.
absl::Status WriteSafetensors(
    absl::string_view path, absl::Span<const TensorToStore> tensors,
    const std::map<std::string, std::string>& metadata = {});

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_SAFETENSORS_WRITER_H_
