#include "launcher/convert/weight_files.h"

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/bfloat16.h"
#include "runtime/check.h"
#include "runtime/file.h"
#include "runtime/safetensors_writer.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// Elements that are converted at a time.
constexpr int64_t kPieceFloats = 1 << 20;

using FilePlan = std::vector<std::vector<TensorSpec>>;

// Fills file after file, in the order of the tensors.
FilePlan PlanFiles(const WeightFilesArgs& args) {
  FilePlan files(1);
  int64_t bytes = 0;
  for (const NamedTensor& tensor : args.tensors) {
    TensorSpec spec = {tensor.name, args.dtype, tensor.shape};
    if (bytes > 0 && bytes + spec.bytes() > args.max_file_bytes) {
      files.emplace_back();
      bytes = 0;
    }
    bytes += spec.bytes();
    files.back().push_back(std::move(spec));
  }
  return files;
}

std::string FileName(size_t index, size_t count) {
  if (count == 1) return "model.safetensors";
  return absl::StrFormat("model-%05d-of-%05d.safetensors", index + 1, count);
}

absl::Status Append(absl::Span<const float> values, DType dtype,
                    SafetensorsWriter& writer) {
  if (dtype == DType::kFloat32) {
    return writer.Append({reinterpret_cast<const char*>(values.data()),
                          values.size() * sizeof(float)});
  }
  COG_CHECK(dtype == DType::kBFloat16, "no weights of type ", Name(dtype));
  for (size_t i = 0; i < values.size(); i += kPieceFloats) {
    const absl::Span<const float> piece = values.subspan(i, kPieceFloats);
    const std::vector<BFloat16> rounded(piece.begin(), piece.end());
    COG_RETURN_IF_ERROR(
        writer.Append({reinterpret_cast<const char*>(rounded.data()),
                       rounded.size() * sizeof(BFloat16)}));
  }
  return absl::OkStatus();
}

absl::Status WriteFile(const WeightFilesArgs& args, const std::string& path,
                       absl::Span<const TensorSpec> specs,
                       const std::map<std::string, const NamedTensor*>& tensors,
                       ReadTensor read) {
  COG_ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file,
                       args.files.CreateFile(path));
  // Transformers refuses files that do not say so.
  COG_ASSIGN_OR_RETURN(
      SafetensorsWriter writer,
      SafetensorsWriter::Create(*file, specs, {{"format", "pt"}}));
  std::vector<float> values;
  for (const TensorSpec& spec : writer.tensors()) {
    values.resize(spec.shape.num_elements());
    COG_RETURN_IF_ERROR(read(*tensors.at(spec.name), absl::MakeSpan(values)));
    COG_RETURN_IF_ERROR(Append(values, spec.dtype, writer));
  }
  COG_CHECK(writer.complete());
  COG_RETURN_IF_ERROR(file->Sync());
  return file->Close();
}

absl::Status WriteIndex(const WeightFilesArgs& args, const FilePlan& files,
                        const WeightFilesSummary& summary) {
  nlohmann::ordered_json index;
  index["metadata"]["total_size"] = summary.bytes;
  std::map<std::string, std::string> weight_map;
  for (size_t i = 0; i < files.size(); ++i) {
    for (const TensorSpec& spec : files[i]) {
      weight_map[spec.name] = FileName(i, files.size());
    }
  }
  index["weight_map"] = weight_map;
  return WriteFileAtomically(
      absl::StrCat(args.folder, "/model.safetensors.index.json"),
      index.dump(2) + "\n", args.files);
}

}  // namespace

absl::StatusOr<WeightFilesSummary> WriteWeightFiles(const WeightFilesArgs& args,
                                                    ReadTensor read) {
  const FilePlan files = PlanFiles(args);
  std::map<std::string, const NamedTensor*> tensors;
  for (const NamedTensor& tensor : args.tensors) tensors[tensor.name] = &tensor;
  WeightFilesSummary summary = {.files = static_cast<int64_t>(files.size())};
  for (size_t i = 0; i < files.size(); ++i) {
    const std::string path =
        absl::StrCat(args.folder, "/", FileName(i, files.size()));
    COG_RETURN_IF_ERROR(WriteFile(args, path, files[i], tensors, read));
    for (const TensorSpec& spec : files[i]) {
      ++summary.tensors;
      summary.elements += spec.shape.num_elements();
      summary.bytes += spec.bytes();
    }
  }
  if (files.size() > 1) {
    COG_RETURN_IF_ERROR(WriteIndex(args, files, summary));
  }
  return summary;
}

}  // namespace cogdist
