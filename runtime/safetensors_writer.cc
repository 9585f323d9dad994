#include "runtime/safetensors_writer.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/atomic_file.h"
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
std::vector<const TensorToStore*> Sorted(
    absl::Span<const TensorToStore> tensors) {
  std::vector<const TensorToStore*> sorted;
  for (const TensorToStore& tensor : tensors) sorted.push_back(&tensor);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) {
    const auto rank_a = TypeRank(a->dtype);
    const auto rank_b = TypeRank(b->dtype);
    return rank_a != rank_b ? rank_a > rank_b : a->name < b->name;
  });
  return sorted;
}

nlohmann::ordered_json Header(
    const std::vector<const TensorToStore*>& tensors,
    const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  int64_t offset = 0;
  for (const TensorToStore* tensor : tensors) {
    const auto bytes = static_cast<int64_t>(tensor->bytes.size());
    COG_CHECK_EQ(bytes, tensor->shape.num_elements() * SizeOf(tensor->dtype));
    COG_CHECK(!header.contains(tensor->name), "name taken: ", tensor->name);
    const absl::Span<const int64_t> dims = tensor->shape.dims();
    nlohmann::ordered_json& entry = header[tensor->name];
    entry["dtype"] = std::string(SafetensorsName(tensor->dtype));
    entry["shape"] = std::vector<int64_t>(dims.begin(), dims.end());
    entry["data_offsets"] = {offset, offset + bytes};
    offset += bytes;
  }
  return header;
}

}  // namespace

absl::Status WriteSafetensors(
    absl::string_view path, absl::Span<const TensorToStore> tensors,
    const std::map<std::string, std::string>& metadata) {
  const std::vector<const TensorToStore*> sorted = Sorted(tensors);
  std::string header =
      Header(sorted, metadata)
          .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t length = header.size();
  COG_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  COG_RETURN_IF_ERROR(file.Append(absl::string_view(
      reinterpret_cast<const char*>(&length), sizeof(length))));
  COG_RETURN_IF_ERROR(file.Append(header));
  for (const TensorToStore* tensor : sorted) {
    COG_RETURN_IF_ERROR(file.Append(tensor->bytes));
  }
  return file.Commit();
}

}  // namespace cogdist
