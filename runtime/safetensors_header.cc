#include "runtime/safetensors_header.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/json.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

using nlohmann::json;

constexpr int64_t kPrefixBytes = 8;  // the header's length

absl::Status Fault(absl::string_view path, absl::string_view fault) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": ", fault,
                   "; the file is damaged or no safetensors file: copy or "
                   "export it again"));
}

// Bytes of an element; 0 for types that are not known here.
int64_t ElementBytes(absl::string_view dtype) {
  constexpr std::pair<absl::string_view, int> kTypes[] = {
      {"BOOL", 1},    {"U8", 1},  {"I8", 1},      {"F8_E5M2", 1}, {"U16", 2},
      {"F8_E4M3", 1}, {"I16", 2}, {"F8_E8M0", 1}, {"F16", 2},     {"BF16", 2},
      {"I32", 4},     {"U32", 4}, {"F32", 4},     {"F64", 8},     {"I64", 8},
      {"U64", 8},     {"C64", 8}};
  for (const auto& [name, bytes] : kTypes) {
    if (name == dtype) return bytes;
  }
  return 0;
}

// An array of whole numbers that are at least 0 and fit int64.
bool ReadNumbers(const json& array, std::vector<int64_t>& numbers) {
  if (!array.is_array()) return false;
  for (const json& element : array) {
    if (!element.is_number_unsigned()) return false;
    numbers.push_back(element.get<int64_t>());
    if (numbers.back() < 0) return false;
  }
  return true;
}

// The bytes of a tensor, or -1 if they do not fit int64.
int64_t TensorBytes(const std::vector<int64_t>& dims, int64_t element_bytes) {
  int64_t bytes = element_bytes;
  for (const int64_t extent : dims) {
    if (__builtin_mul_overflow(bytes, extent, &bytes)) return -1;
  }
  return bytes;
}

absl::StatusOr<SafetensorsEntry> ParseEntry(const std::string& name,
                                            const json& object,
                                            absl::string_view path) {
  const auto fault = [&](absl::string_view text) {
    return Fault(path, absl::StrCat("tensor \"", name, "\": ", text));
  };
  std::vector<int64_t> dims, offsets;
  SafetensorsEntry entry = {.name = name};
  if (!object.is_object() || !object.contains("dtype") ||
      !object["dtype"].is_string()) {
    return fault("without a dtype");
  }
  entry.dtype = object["dtype"].get_ref<const std::string&>();
  const int64_t element_bytes = ElementBytes(entry.dtype);
  if (element_bytes == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": tensor \"", name, "\": dtype ", entry.dtype,
                     " is not supported; convert it to F32 or BF16"));
  }
  if (!object.contains("shape") || !ReadNumbers(object["shape"], dims)) {
    return fault("its shape is no list of whole numbers");
  }
  if (dims.size() > Shape::kMaxRank) {
    return fault(absl::StrCat("has ", dims.size(), " dimensions, more than ",
                              Shape::kMaxRank));
  }
  entry.shape = Shape(dims);
  if (!object.contains("data_offsets") ||
      !ReadNumbers(object["data_offsets"], offsets) || offsets.size() != 2) {
    return fault("its data_offsets are no pair of whole numbers");
  }
  entry.begin = offsets[0];
  entry.end = offsets[1];
  const int64_t bytes = TensorBytes(dims, element_bytes);
  if (bytes < 0 || entry.end < entry.begin ||
      entry.end - entry.begin != bytes) {
    return fault(absl::StrCat("its data_offsets [", entry.begin, ", ",
                              entry.end, ") do not hold ", entry.dtype, " ",
                              entry.shape.ToString()));
  }
  return entry;
}

absl::Status ParseMetadata(const json& object, absl::string_view path,
                           std::map<std::string, std::string>& metadata) {
  if (!object.is_object()) return Fault(path, "__metadata__ is no object");
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string()) {
      return Fault(path,
                   absl::StrCat("__metadata__ \"", key, "\" is no string"));
    }
    metadata[key] = value.get_ref<const std::string&>();
  }
  return absl::OkStatus();
}

// Sorts the tensors by their data and checks that they fill it exactly.
absl::Status CheckPlaces(std::vector<SafetensorsEntry>& tensors,
                         int64_t data_bytes, absl::string_view path) {
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  int64_t expected = 0;
  for (const SafetensorsEntry& tensor : tensors) {
    if (tensor.begin != expected) {
      return Fault(path,
                   absl::StrCat("tensor \"", tensor.name, "\" begins at byte ",
                                tensor.begin, " of the data where ", expected,
                                " is needed, so that there are no ",
                                "holes and no overlaps"));
    }
    expected = tensor.end;
    if (expected > data_bytes) {
      return Fault(path,
                   absl::StrCat("tensor \"", tensor.name, "\" ends at byte ",
                                expected, " of the data, but there are only ",
                                data_bytes, ": it is cut short"));
    }
  }
  if (expected == data_bytes) return absl::OkStatus();
  return Fault(path, absl::StrCat(data_bytes - expected,
                                  " bytes follow the last tensor"));
}

}  // namespace

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(
    absl::string_view file, absl::string_view path) {
  const auto file_bytes = static_cast<int64_t>(file.size());
  if (file_bytes < kPrefixBytes) {
    return Fault(path, "shorter than the length of its header");
  }
  uint64_t length;
  std::memcpy(&length, file.data(), sizeof(length));
  if (length > static_cast<uint64_t>(kMaxSafetensorsHeaderBytes)) {
    return Fault(path, absl::StrCat("says that its header has ", length,
                                    " bytes; the limit is ",
                                    kMaxSafetensorsHeaderBytes));
  }
  if (static_cast<int64_t>(length) > file_bytes - kPrefixBytes) {
    return Fault(path, absl::StrCat("says that its header has ", length,
                                    " bytes, but only ",
                                    file_bytes - kPrefixBytes, " follow"));
  }
  SafetensorsHeader header;
  header.data_offset = kPrefixBytes + static_cast<int64_t>(length);
  const absl::string_view text = file.substr(kPrefixBytes, length);
  if (!text.empty() && text[0] != '{') {
    return Fault(path, "its header does not begin with {");
  }
  COG_ASSIGN_OR_RETURN(const json object,
                       ParseJsonObject(text, absl::StrCat(path, ": header")));
  for (const auto& [name, value] : object.items()) {
    if (name == "__metadata__") {
      COG_RETURN_IF_ERROR(ParseMetadata(value, path, header.metadata));
      continue;
    }
    COG_ASSIGN_OR_RETURN(SafetensorsEntry entry, ParseEntry(name, value, path));
    header.tensors.push_back(std::move(entry));
  }
  COG_RETURN_IF_ERROR(
      CheckPlaces(header.tensors, file_bytes - header.data_offset, path));
  return header;
}

absl::string_view SafetensorsName(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return "F32";
    case DType::kBFloat16:
      return "BF16";
    case DType::kFloat64:
      return "F64";
    case DType::kInt32:
      return "I32";
    case DType::kInt64:
      return "I64";
    case DType::kUInt16:
      return "U16";
  }
  return "?";
}

}  // namespace cogdist
