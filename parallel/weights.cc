#include "parallel/weights.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "parallel/shared_status.h"
#include "parallel/tensor_names.h"
#include "parallel/weight_parts.h"
#include "runtime/atomic_file.h"
#include "runtime/safetensors.h"
#include "runtime/safetensors_writer.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// Elements that are on their way from a file or to one at a time.
constexpr int64_t kPieceElements = 1 << 20;

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
                           const std::set<std::string>& known) {
  for (const StoredTensor& stored : reader.tensors()) {
    if (known.count(stored.name) > 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(stored.path, ": tensor ", stored.name,
                     " is not part of the model; use the configuration that "
                     "the weights belong to"));
  }
  return absl::OkStatus();
}

absl::Status ReadHeld(const StoredTensor& stored, const NamedTensor& tensor,
                      ElementRange range, absl::Span<float> out) {
  absl::Status status;
  ForEachRun(tensor, range, [&](const ElementRun& run) {
    if (!status.ok()) return;
    status = ReadFloats(stored, run.whole,
                        out.subspan(run.held - range.begin, run.count));
  });
  return status;
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
  // The type is looked at on every rank, also where nothing is read.
  COG_RETURN_IF_ERROR(ReadFloats(*stored, 0, {}));
  std::vector<float> values;
  const ElementRange range = params.stored(wanted);
  for (int64_t i = range.begin; i < range.end(); i += kPieceElements) {
    values.resize(std::min(kPieceElements, range.end() - i));
    const ElementRange piece = {i, static_cast<int64_t>(values.size())};
    COG_RETURN_IF_ERROR(
        ReadHeld(*stored, wanted.named, piece, absl::MakeSpan(values)));
    params.Write(stream, wanted, i, values);
  }
  return absl::OkStatus();
}

absl::Status LoadAll(absl::string_view path, ParamStore& params, Stream& stream,
                     const std::set<std::string>& names) {
  COG_ASSIGN_OR_RETURN(const SafetensorsReader reader,
                       SafetensorsReader::Open(path));
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    COG_RETURN_IF_ERROR(LoadTensor(path, reader, tensor, params, stream));
  }
  return CheckNoneLeft(reader, names);
}

// Brings the parts of all ranks to rank 0. Its stream and its memory are its
// own, and gone afterwards: no step needs them.
class Gatherer {
 public:
  // `group`: all ranks.
  static absl::StatusOr<Gatherer> Create(const ParamStore& params,
                                         RankContext& context,
                                         Communicator& group) {
    const bool receives = context.rank() == 0 && context.world_size() > 1;
    const int64_t bytes =
        receives ? kPieceElements * SizeOf(DType::kFloat32) : 0;
    COG_ASSIGN_OR_RETURN(Buffer staging,
                         Buffer::Allocate(*context.device, bytes));
    return Gatherer(params, context, group, std::move(staging));
  }

  // On rank 0: writes the part's elements to `whole`, [the whole tensor]. Its
  // holder sends them; others do nothing.
  void Gather(const WeightPart& part, absl::Span<float> whole) {
    const int rank = context_.rank();
    if (rank != 0 && rank != part.rank) return;
    for (int64_t i = part.range.begin; i < part.range.end();
         i += kPieceElements) {
      const ElementRange piece = {
          i, std::min(kPieceElements, part.range.end() - i)};
      if (rank != 0) {
        group_.Send(*stream_, Own(part, piece), /*to=*/0);
      } else {
        Place(part.tensor, piece, Fetch(part, piece), whole);
      }
    }
    stream_->Synchronize();
  }

 private:
  Gatherer(const ParamStore& params, RankContext& context, Communicator& group,
           Buffer staging)
      : params_(params),
        context_(context),
        group_(group),
        staging_(std::move(staging)),
        stream_(context.device->CreateStream()) {
    stream_->Wait(context.streams.compute->Record());
    stream_->Wait(context.streams.replicas->Record());
  }

  TensorView Own(const WeightPart& part, ElementRange piece) const {
    const ElementRange held = params_.tensors()[part.index].range;
    return params_.master({held.begin + piece.begin, piece.count});
  }

  absl::Span<const float> Fetch(const WeightPart& part, ElementRange piece) {
    TensorView x;
    if (part.rank == 0) {
      x = Own(part, piece);
    } else {
      x = staging_.View(DType::kFloat32).Slice(0, 0, piece.count);
      group_.Recv(*stream_, x, part.rank);
    }
    host_.resize(piece.count);
    stream_->Copy(host_.data(), x.data, x.bytes());
    stream_->Synchronize();
    return host_;
  }

  static void Place(const NamedTensor& tensor, ElementRange piece,
                    absl::Span<const float> values, absl::Span<float> whole) {
    ForEachRun(tensor, piece, [&](const ElementRun& run) {
      std::copy_n(values.data() + run.held - piece.begin, run.count,
                  whole.data() + run.whole);
    });
  }

  const ParamStore& params_;
  RankContext& context_;
  Communicator& group_;
  Buffer staging_;  // float32 [kPieceElements] on the receiver
  std::unique_ptr<Stream> stream_;
  std::vector<float> host_;
};

struct WeightFile {
  AtomicFile file;
  SafetensorsWriter tensors;
};

// Opens the file on rank 0.
absl::StatusOr<std::optional<WeightFile>> OpenFile(const WeightParts& parts,
                                                   const RankContext& context,
                                                   absl::string_view path) {
  if (context.rank() != 0) return std::nullopt;
  std::vector<TensorSpec> specs;
  for (const auto& [name, of_tensor] : parts) {
    specs.push_back({.name = name, .shape = of_tensor[0].tensor.shape});
  }
  COG_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  COG_ASSIGN_OR_RETURN(SafetensorsWriter tensors,
                       SafetensorsWriter::Create(file.file(), specs));
  return WeightFile{std::move(file), std::move(tensors)};
}

absl::Status WriteAll(const WeightParts& parts, Gatherer& gatherer,
                      WeightFile* file) {
  // After an error parts are still received: the other ranks send them.
  absl::Status status;
  std::vector<float> whole;
  for (const auto& [name, of_tensor] : parts) {
    // The file is in the order of the names, too: all is float32.
    whole.resize(file == nullptr ? 0
                                 : of_tensor[0].tensor.shape.num_elements());
    for (const WeightPart& part : of_tensor) {
      gatherer.Gather(part, absl::MakeSpan(whole));
    }
    if (file == nullptr || !status.ok()) continue;
    status = file->tensors.Append(
        absl::string_view(reinterpret_cast<const char*>(whole.data()),
                          whole.size() * sizeof(float)));
  }
  if (file == nullptr || !status.ok()) return status;
  COG_CHECK(file->tensors.complete());
  return file->file.Commit();
}

}  // namespace

absl::Status LoadWeights(absl::string_view path, ParamStore& params,
                         Stream& stream, Communicator* pipeline) {
  const std::set<std::string> names = AllTensorNames(params, pipeline);
  const absl::Status status = LoadAll(path, params, stream, names);
  return pipeline == nullptr ? status : FirstError(*pipeline, status);
}

absl::Status SaveWeights(const ParamStore& params, RankContext& context,
                         absl::string_view path) {
  Communicator& world = *context.groups.world;
  const WeightParts parts = GatherWeightParts(params, world);
  // Of its own: nothing else sends tensors from every rank to one.
  COG_ASSIGN_OR_RETURN(const std::unique_ptr<Communicator> group,
                       world.Duplicate("weights"));
  absl::StatusOr<Gatherer> gatherer = Gatherer::Create(params, context, *group);
  absl::StatusOr<std::optional<WeightFile>> file =
      OpenFile(parts, context, path);
  COG_RETURN_IF_ERROR(
      FirstError(world, file.ok() ? gatherer.status() : file.status()));
  WeightFile* const opened = file->has_value() ? &**file : nullptr;
  return FirstError(world, WriteAll(parts, *gatherer, opened));
}

}  // namespace cogdist
