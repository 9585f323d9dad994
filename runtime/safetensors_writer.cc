#include "runtime/safetensors_writer.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/check.h"
#include "runtime/safetensors_header.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// The reference library's order of types, narrow to wide.
constexpr DType kTypeOrder[] = {DType::kUInt16,  DType::kBFloat16,
                                DType::kInt32,   DType::kFloat32,
                                DType::kFloat64, DType::kInt64};

auto TypeRank(DType dtype) {
  return std::find(std::begin(kTypeOrder), std::end(kTypeOrder), dtype) -
         std::begin(kTypeOrder);
}

// In the order of their data: then every tensor is aligned to its type.
std::vector<TensorSpec> Sorted(absl::Span<const TensorSpec> tensors) {
  std::vector<TensorSpec> sorted(tensors.begin(), tensors.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const TensorSpec& a, const TensorSpec& b) {
              const auto rank_a = TypeRank(a.dtype);
              const auto rank_b = TypeRank(b.dtype);
              return rank_a != rank_b ? rank_a > rank_b : a.name < b.name;
            });
  return sorted;
}

// The length of the header, and the header, padded.
std::string EncodeHeader(absl::Span<const TensorSpec> tensors,
                         const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  int64_t offset = 0;
  for (const TensorSpec& tensor : tensors) {
    COG_CHECK(!header.contains(tensor.name), "name taken: ", tensor.name);
    const absl::Span<const int64_t> dims = tensor.shape.dims();
    nlohmann::ordered_json& entry = header[tensor.name];
    entry["dtype"] = std::string(SafetensorsName(tensor.dtype));
    entry["shape"] = std::vector<int64_t>(dims.begin(), dims.end());
    entry["data_offsets"] = {offset, offset + tensor.bytes()};
    offset += tensor.bytes();
  }
  std::string json =
      header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  json.resize((json.size() + 7) / 8 * 8, ' ');
  const uint64_t length = json.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) +
         json;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(WritableFile& file,
                                     std::vector<TensorSpec> tensors,
                                     std::string header)
    : file_(&file), tensors_(std::move(tensors)), header_(std::move(header)) {
  for (const TensorSpec& tensor : tensors_) bytes_missing_ += tensor.bytes();
}

absl::StatusOr<SafetensorsWriter> SafetensorsWriter::Create(
    WritableFile& file, absl::Span<const TensorSpec> tensors,
    const std::map<std::string, std::string>& metadata) {
  std::vector<TensorSpec> sorted = Sorted(tensors);
  std::string header = EncodeHeader(sorted, metadata);
  COG_RETURN_IF_ERROR(file.Append(header));
  return SafetensorsWriter(file, std::move(sorted), std::move(header));
}

absl::Status SafetensorsWriter::Append(absl::string_view bytes) {
  bytes_missing_ -= static_cast<int64_t>(bytes.size());
  COG_CHECK_GE(bytes_missing_, 0);
  return file_->Append(bytes);
}

}  // namespace cogdist
