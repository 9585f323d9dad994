#include "parallel/weights.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/safetensors.h"
#include "runtime/safetensors_writer.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::Status CheckShape(const ParamStore::Tensor& wanted,
                        const StoredTensor& stored) {
  if (stored.shape == wanted.named.shape) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(stored.path, ": tensor ", stored.name, " has shape ",
                   stored.shape.ToString(), ", the model's is ",
                   wanted.named.shape.ToString(),
                   "; use the configuration that the weights belong to"));
}

absl::Status CheckNoneLeft(const SafetensorsReader& reader,
                           const ParamStore& params) {
  std::set<std::string> known;
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    known.insert(tensor.named.name);
  }
  for (const StoredTensor& stored : reader.tensors()) {
    if (known.count(stored.name) > 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(stored.path, ": tensor ", stored.name,
                     " is not part of the model; use the configuration that "
                     "the weights belong to"));
  }
  return absl::OkStatus();
}

absl::Status LoadTensor(absl::string_view path, const SafetensorsReader& reader,
                        const ParamStore::Tensor& wanted, ParamStore& params,
                        Stream& stream) {
  const StoredTensor* const stored = reader.Find(wanted.named.name);
  if (stored == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": tensor ", wanted.named.name,
                     " is missing; use the configuration that the weights "
                     "belong to"));
  }
  COG_RETURN_IF_ERROR(CheckShape(wanted, *stored));
  std::vector<float> values(wanted.range.count);
  COG_RETURN_IF_ERROR(ReadFloats(*stored, absl::MakeSpan(values)));
  const TensorView master = params.master(wanted.range);
  stream.Copy(master.data, values.data(), master.bytes());
  stream.Synchronize();  // `values` is about to go
  return absl::OkStatus();
}

}  // namespace

absl::Status LoadWeights(absl::string_view path, ParamStore& params,
                         Stream& stream) {
  COG_ASSIGN_OR_RETURN(const SafetensorsReader reader,
                       SafetensorsReader::Open(path));
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    COG_RETURN_IF_ERROR(LoadTensor(path, reader, tensor, params, stream));
  }
  COG_RETURN_IF_ERROR(CheckNoneLeft(reader, params));
  params.CastWeights(stream);
  return absl::OkStatus();
}

absl::Status SaveWeights(const ParamStore& params, Stream& stream,
                         absl::string_view path) {
  std::vector<float> host(params.all().count);
  stream.Copy(host.data(), params.master(params.all()).data,
              host.size() * sizeof(float));
  stream.Synchronize();
  std::vector<TensorToStore> tensors;
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    const char* const begin =
        reinterpret_cast<const char*>(host.data() + tensor.range.begin);
    tensors.push_back({.name = tensor.named.name,
                       .shape = tensor.named.shape,
                       .bytes = absl::string_view(
                           begin, tensor.range.count * sizeof(float))});
  }
  return WriteSafetensors(path, tensors);
}

}  // namespace cogdist
