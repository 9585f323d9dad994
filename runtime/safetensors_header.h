// The JSON header of a safetensors file: names, types, shapes and places of its
// tensors.
//
//   uint64 length N (little-endian), N bytes of JSON, data
//   {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...,
//    "__metadata__": {"KEY": "VALUE", ...}}
//
// Offsets count from the begin of the data; the tensors fill it without holes
// and without overlaps.

#ifndef COGDIST_RUNTIME_SAFETENSORS_HEADER_H_
#define COGDIST_RUNTIME_SAFETENSORS_HEADER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/dtype.h"
#include "runtime/shape.h"

namespace cogdist {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // as in the file, e.g. "F32", "BF16", "F16"
  Shape shape;
  int64_t begin = 0;  // bytes from the begin of the data
  int64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> tensors;  // in the order of their data
  std::map<std::string, std::string> metadata;
  int64_t data_offset = 0;  // where the data begins in the file
};

// Headers above this are refused, here as in the reference library.
inline constexpr int64_t kMaxSafetensorsHeaderBytes = 100'000'000;

// Parses and checks the header of `file`, the contents of the whole file.
// Errors are InvalidArgument and begin with `path`.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(
    absl::string_view file, absl::string_view path);

// The format's name of a type, e.g. "BF16".
absl::string_view SafetensorsName(DType dtype);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_SAFETENSORS_HEADER_H_
