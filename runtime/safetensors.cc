#include "runtime/safetensors.h"

#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/bfloat16.h"
#include "runtime/check.h"
#include "runtime/json.h"
#include "runtime/safetensors_header.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

constexpr absl::string_view kIndexName = "model.safetensors.index.json";
constexpr absl::string_view kFileName = "model.safetensors";

bool IsFolder(absl::string_view path) {
  struct stat info;
  return stat(std::string(path).c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// The file to begin with: the path itself, or what a folder holds.
absl::StatusOr<std::string> Resolve(absl::string_view path) {
  if (!IsFolder(path)) return std::string(path);
  for (const absl::string_view name : {kIndexName, kFileName}) {
    std::string inside = absl::StrCat(path, "/", name);
    if (FileExists(inside)) return inside;
  }
  return absl::NotFoundError(
      absl::StrCat(path, ": holds neither ", kIndexName, " nor ", kFileName));
}

// The index's map from tensor to file, in the folder of the index.
absl::StatusOr<std::map<std::string, std::string>> ReadWeightMap(
    const std::string& path) {
  COG_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  COG_ASSIGN_OR_RETURN(const nlohmann::json index, ParseJsonObject(text, path));
  const auto map = index.find("weight_map");
  if (map == index.end() || !map->is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": has no object \"weight_map\""));
  }
  std::map<std::string, std::string> files;
  for (const auto& [name, file] : map->items()) {
    if (!file.is_string() ||
        absl::StrContains(file.get_ref<const std::string&>(), '/')) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": weight_map must give tensor \"", name,
                       "\" the name of a file beside it"));
    }
    files[name] = file.get_ref<const std::string&>();
  }
  return files;
}

float FromHalf(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t rest = half & 0x7fffu;
  if (rest >= 0x7c00u) {  // infinity or NaN
    return std::bit_cast<float>(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
  }
  // The exponent's bias differs by 112; multiplying also sets subnormals right.
  const float magnitude = std::bit_cast<float>(rest << 13) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
}

// Converts element by element: data in a file may begin at any address.
template <typename T, typename F>
void Convert(absl::string_view bytes, int64_t first, absl::Span<float> out,
             F&& convert) {
  const char* const from = bytes.data() + first * sizeof(T);
  for (size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, from + i * sizeof(T), sizeof(T));
    out[i] = convert(value);
  }
}

}  // namespace

absl::StatusOr<SafetensorsReader> SafetensorsReader::Open(
    absl::string_view path) {
  SafetensorsReader reader;
  COG_ASSIGN_OR_RETURN(const std::string first, Resolve(path));
  if (absl::EndsWith(first, ".json")) {
    COG_RETURN_IF_ERROR(reader.AddIndex(first));
  } else {
    COG_RETURN_IF_ERROR(reader.AddFile(first));
  }
  std::sort(reader.tensors_.begin(), reader.tensors_.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return reader;
}

const StoredTensor* SafetensorsReader::Find(absl::string_view name) const {
  const auto found =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const StoredTensor& tensor, absl::string_view n) {
                         return tensor.name < n;
                       });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

void SafetensorsReader::Release(const StoredTensor& tensor) const {
  const std::less_equal<const char*> not_after;
  for (const MappedFile& file : files_) {
    const absl::string_view all = file.contents();
    if (not_after(all.data(), tensor.bytes.data()) &&
        not_after(tensor.bytes.data() + tensor.bytes.size(),
                  all.data() + all.size())) {
      file.Release(tensor.bytes.data() - all.data(), tensor.bytes.size());
    }
  }
}

absl::Status SafetensorsReader::AddFile(const std::string& path) {
  COG_ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(path));
  COG_ASSIGN_OR_RETURN(const SafetensorsHeader header,
                       ParseSafetensorsHeader(file.contents(), path));
  for (const SafetensorsEntry& entry : header.tensors) {
    const absl::string_view bytes = file.contents().substr(
        header.data_offset + entry.begin, entry.end - entry.begin);
    tensors_.push_back({.name = entry.name,
                        .dtype = entry.dtype,
                        .shape = entry.shape,
                        .bytes = bytes,
                        .path = path});
  }
  metadata_.insert(header.metadata.begin(), header.metadata.end());
  files_.push_back(std::move(file));
  return absl::OkStatus();
}

absl::Status SafetensorsReader::AddIndex(const std::string& path) {
  using Map = std::map<std::string, std::string>;
  COG_ASSIGN_OR_RETURN(const Map weight_map, ReadWeightMap(path));
  const size_t slash = path.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "" : path.substr(0, slash + 1);
  std::set<std::string> files;
  for (const auto& [name, file] : weight_map) files.insert(folder + file);
  for (const std::string& file : files) COG_RETURN_IF_ERROR(AddFile(file));
  // The index decides which copy of a tensor counts, and that it counts.
  std::erase_if(tensors_, [&](const StoredTensor& tensor) {
    const auto placed = weight_map.find(tensor.name);
    return placed == weight_map.end() || folder + placed->second != tensor.path;
  });
  std::set<std::string> present;
  for (const StoredTensor& tensor : tensors_) present.insert(tensor.name);
  for (const auto& [name, file] : weight_map) {
    if (present.contains(name)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": places tensor \"", name, "\" in ", file,
        ", which does not hold it; copy or export all files again"));
  }
  return absl::OkStatus();
}

absl::Status ReadFloats(const StoredTensor& tensor, int64_t first,
                        absl::Span<float> out) {
  COG_CHECK_GE(first, 0);
  COG_CHECK_LE(first + static_cast<int64_t>(out.size()),
               tensor.shape.num_elements());
  if (tensor.dtype == "F32") {
    Convert<float>(tensor.bytes, first, out, [](float x) { return x; });
  } else if (tensor.dtype == "BF16") {
    Convert<BFloat16>(tensor.bytes, first, out,
                      [](BFloat16 x) { return static_cast<float>(x); });
  } else if (tensor.dtype == "F16") {
    Convert<uint16_t>(tensor.bytes, first, out, FromHalf);
  } else if (tensor.dtype == "F64") {
    Convert<double>(tensor.bytes, first, out,
                    [](double x) { return static_cast<float>(x); });
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat(tensor.path, ": tensor \"", tensor.name, "\" has dtype ",
                     tensor.dtype, " where F32, BF16, F16 or F64 is needed"));
  }
  return absl::OkStatus();
}

}  // namespace cogdist
