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
#include "runtime/dtype.h"
#include "runtime/file_system.h"
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
  // Puts the header into `file`, which is new and empty and must outlive the
  // writer; the caller syncs and closes it in the end. `metadata` goes to
  // __metadata__.
  static absl::StatusOr<SafetensorsWriter> Create(
      WritableFile& file, absl::Span<const TensorSpec> tensors,
      const std::map<std::string, std::string>& metadata = {});

  // The first bytes of the file; those of the first tensor follow.
  absl::string_view header() const { return header_; }

  // In the order in which their data is to come and lies in the file, with
  // nothing between.
  absl::Span<const TensorSpec> tensors() const { return tensors_; }
  // The data, row-major, in pieces of any size.
  absl::Status Append(absl::string_view bytes);
  // True once all data has come: without it the file is none.
  bool complete() const { return bytes_missing_ == 0; }

 private:
  SafetensorsWriter(WritableFile& file, std::vector<TensorSpec> tensors,
                    std::string header);

  WritableFile* file_;
  std::vector<TensorSpec> tensors_;
  std::string header_;
  int64_t bytes_missing_ = 0;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_SAFETENSORS_WRITER_H_
