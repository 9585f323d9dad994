// Weights in safetensors files, read through memory mappings: one file, or a
// folder with model.safetensors or with shards and their index. The format is
// described in safetensors_header.h, the index here:
//
//   model.safetensors.index.json: {"weight_map": {"TENSOR": "FILE", ...}, ...}

#ifndef COGDIST_RUNTIME_SAFETENSORS_H_
#define COGDIST_RUNTIME_SAFETENSORS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/file.h"
#include "runtime/shape.h"

namespace cogdist {

// A tensor in a file. Its bytes, little-endian and row-major, live as long as
// the reader; files of other writers need not align them.
struct StoredTensor {
  std::string name;
  std::string dtype;  // as in the file: "F32", "BF16", "F16", ...
  Shape shape;
  absl::string_view bytes;
  std::string path;  // the file that holds it
};

// Immutable; threads may share it. The files must stay as they are.
class SafetensorsReader {
 public:
  // Opens a file, a folder, or an index file, and checks every header in full;
  // reads no data. Faults are InvalidArgument or NotFound errors that name file
  // and tensor.
  static absl::StatusOr<SafetensorsReader> Open(absl::string_view path);

  // All tensors, sorted by name.
  absl::Span<const StoredTensor> tensors() const { return tensors_; }
  // Null if there is none of this name. The pointer lives as long as the
  // reader stays where it is.
  const StoredTensor* Find(absl::string_view name) const;
  // Gives the memory of a tensor back that is not read any more; if it is, the
  // bytes come from the disk again.
  void Release(const StoredTensor& tensor) const;
  // What the files say under __metadata__.
  const std::map<std::string, std::string>& metadata() const {
    return metadata_;
  }

 private:
  SafetensorsReader() = default;
  // Adds the tensors of a file: all, or those that the index places there.
  absl::Status AddFile(const std::string& path);
  absl::Status AddIndex(const std::string& path);

  std::vector<MappedFile> files_;
  std::vector<StoredTensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

// Converts elements [first, first + out.size()) from F32, BF16, F16 or F64 to
// float32, rounding to nearest; an InvalidArgument error names file, tensor and
// any other type. REQUIRES: the tensor has these elements.
absl::Status ReadFloats(const StoredTensor& tensor, int64_t first,
                        absl::Span<float> out);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_SAFETENSORS_H_
