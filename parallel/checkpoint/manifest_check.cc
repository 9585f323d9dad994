#include "parallel/checkpoint/manifest_check.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "parallel/checkpoint/checkpoint_slices.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// Readers hold a chunk in memory.
constexpr int64_t kMaxChunkBytes = 64 << 20;

using Numbers = google::protobuf::RepeatedField<int64_t>;

absl::Status Fault(absl::string_view where, absl::string_view fault) {
  return absl::InvalidArgumentError(absl::StrCat(where, " ", fault));
}

absl::Span<const int64_t> SpanOf(const Numbers& numbers) {
  return absl::MakeConstSpan(numbers.data(), numbers.size());
}

// A file name that leads to no other folder.
bool IsFileName(absl::string_view path) {
  return !path.empty() && path != "." && path != ".." &&
         path.find('/') == path.npos && path.find('\0') == path.npos;
}

absl::Status CheckShards(const CheckpointManifest& manifest) {
  std::set<std::string> names;
  for (const CheckpointShard& shard : manifest.shards()) {
    const std::string where = absl::StrCat("shard \"", shard.path(), "\"");
    if (!IsFileName(shard.path())) return Fault(where, "is no file name");
    if (!names.insert(shard.path()).second) return Fault(where, "comes twice");
    if (shard.header_bytes() < 8 || shard.bytes() < shard.header_bytes()) {
      return Fault(where, absl::StrCat("has ", shard.bytes(), " bytes with a ",
                                       "header of ", shard.header_bytes()));
    }
  }
  return absl::OkStatus();
}

// Extents that are at least 0 and whose product fits.
bool IsShape(const Numbers& extents) {
  if (extents.size() > Shape::kMaxRank) return false;
  int64_t product = 1;
  for (const int64_t extent : extents) {
    // Extents of 0 hide no overflow: no tensor has any.
    if (extent <= 0 || __builtin_mul_overflow(product, extent, &product)) {
      return false;
    }
  }
  return product <= Shape::kMaxElements;
}

// That [begin, begin + count) lies in [0, size), count above 0.
bool IsInside(int64_t begin, int64_t count, int64_t size) {
  return begin >= 0 && count > 0 && begin <= size && count <= size - begin;
}

class TensorCheck {
 public:
  TensorCheck(const CheckpointManifest& manifest,
              const CheckpointTensor& tensor)
      : manifest_(manifest),
        tensor_(tensor),
        where_(absl::StrCat(
            "tensor ", CheckpointTensorName(tensor.name(), tensor.role()))) {}

  absl::Status Run() const {
    if (tensor_.name().empty()) return Fault("a tensor", "has no name");
    if (tensor_.role() == ROLE_UNKNOWN || tensor_.dtype() != FLOAT32) {
      return Fault(where_, "has a role or type that is not known");
    }
    if (!IsShape(tensor_.shape())) return Fault(where_, "has no valid shape");
    for (const CheckpointSlice& slice : tensor_.slices()) {
      COG_RETURN_IF_ERROR(CheckSlice(slice));
    }
    return CheckTiling();
  }

 private:
  absl::Status CheckSlice(const CheckpointSlice& slice) const {
    const int rank = tensor_.shape_size();
    if (slice.offset_size() != rank || slice.extent_size() != rank ||
        !IsShape(slice.extent())) {
      return Fault(where_, "has a slice of another rank");
    }
    for (int dim = 0; dim < rank; ++dim) {
      if (!IsInside(slice.offset(dim), slice.extent(dim), tensor_.shape(dim))) {
        return Fault(where_, "has a slice outside of its shape");
      }
    }
    const TensorRegion region = RegionOf(tensor_, slice);
    if (slice.has_begin() != slice.has_count() ||
        !IsInside(region.range.begin, region.range.count,
                  region.extent.num_elements())) {
      return Fault(where_, "has a slice outside of its box");
    }
    return CheckBytes(slice, region.range.count * kFloatBytes);
  }

  absl::Status CheckBytes(const CheckpointSlice& slice, int64_t bytes) const {
    if (slice.shard() >= static_cast<uint32_t>(manifest_.shards_size())) {
      return Fault(where_, "has a slice in a shard that is not listed");
    }
    const CheckpointShard& shard = manifest_.shards(slice.shard());
    if (slice.bytes() != bytes || slice.file_offset() < shard.header_bytes() ||
        !IsInside(slice.file_offset(), bytes, shard.bytes())) {
      return Fault(where_, absl::StrCat("has a slice that does not lie in the ",
                                        "data of ", shard.path()));
    }
    const int64_t chunks = (bytes - 1) / manifest_.chunk_bytes() + 1;
    if (slice.crc32c_size() != chunks) {
      return Fault(where_,
                   absl::StrCat("has a slice with ", slice.crc32c_size(),
                                " checksums for ", chunks, " chunks"));
    }
    return absl::OkStatus();
  }

  // Boxes do not overlap, have together as many elements as the tensor, and
  // each is covered by its slices.
  absl::Status CheckTiling() const {
    // Offset and extent -> ranges.
    std::map<std::vector<int64_t>, std::vector<ElementRange>> boxes;
    for (const CheckpointSlice& slice : tensor_.slices()) {
      std::vector<int64_t> box(slice.offset().begin(), slice.offset().end());
      box.insert(box.end(), slice.extent().begin(), slice.extent().end());
      boxes[box].push_back(RegionOf(tensor_, slice).range);
      if (boxes.size() > kMaxBoxes) {
        return Fault(where_, absl::StrCat("has slices of more than ", kMaxBoxes,
                                          " different boxes"));
      }
    }
    int64_t missing = ShapeOf(tensor_).num_elements();
    for (auto box = boxes.begin(); box != boxes.end(); ++box) {
      for (auto other = std::next(box); other != boxes.end(); ++other) {
        if (Overlap(box->first, other->first)) {
          return Fault(where_, "has slices that overlap");
        }
      }
      missing -= ElementsOf(box->first);
      COG_RETURN_IF_ERROR(CheckBox(box->second, ElementsOf(box->first)));
    }
    if (missing != 0) {
      return Fault(where_, absl::StrCat("lacks slices for ", missing,
                                        " of its elements"));
    }
    return absl::OkStatus();
  }

  bool Overlap(const std::vector<int64_t>& a,
               const std::vector<int64_t>& b) const {
    const int rank = tensor_.shape_size();
    for (int dim = 0; dim < rank; ++dim) {
      if (a[dim] + a[rank + dim] <= b[dim] || b[dim] + b[rank + dim] <= a[dim])
        return false;
    }
    return true;
  }

  int64_t ElementsOf(const std::vector<int64_t>& box) const {
    return Shape(absl::MakeConstSpan(box).subspan(tensor_.shape_size()))
        .num_elements();
  }

  absl::Status CheckBox(std::vector<ElementRange> ranges,
                        int64_t elements) const {
    std::sort(ranges.begin(), ranges.end(),
              [](const auto& a, const auto& b) { return a.begin < b.begin; });
    int64_t next = 0;
    for (const ElementRange& range : ranges) {
      if (range.begin < next) return Fault(where_, "has slices that overlap");
      if (range.begin > next) break;
      next = range.end();
    }
    if (next == elements) return absl::OkStatus();
    return Fault(where_, absl::StrCat("lacks a slice that begins at element ",
                                      next, " of its box"));
  }

  const CheckpointManifest& manifest_;
  const CheckpointTensor& tensor_;
  const std::string where_;
};

// That no byte of a shard belongs to two slices, nor to none.
absl::Status CheckPlaces(const CheckpointManifest& manifest) {
  std::vector<std::vector<ElementRange>> places(manifest.shards_size());
  for (const CheckpointTensor& tensor : manifest.tensors()) {
    for (const CheckpointSlice& slice : tensor.slices()) {
      places[slice.shard()].push_back({slice.file_offset(), slice.bytes()});
    }
  }
  for (int i = 0; i < manifest.shards_size(); ++i) {
    const CheckpointShard& shard = manifest.shards(i);
    std::sort(places[i].begin(), places[i].end(),
              [](const auto& a, const auto& b) { return a.begin < b.begin; });
    int64_t next = shard.header_bytes();
    for (const ElementRange& place : places[i]) {
      if (place.begin != next) break;
      next = place.end();
    }
    if (next != shard.bytes()) {
      return Fault(absl::StrCat("shard \"", shard.path(), "\""),
                   absl::StrCat("has no slice, or two, at byte ", next));
    }
  }
  return absl::OkStatus();
}

}  // namespace

Shape ShapeOf(const CheckpointTensor& tensor) {
  return Shape(SpanOf(tensor.shape()));
}

TensorRegion RegionOf(const CheckpointTensor& tensor,
                      const CheckpointSlice& slice) {
  TensorRegion region = {.shape = ShapeOf(tensor),
                         .offset = Shape(SpanOf(slice.offset())),
                         .extent = Shape(SpanOf(slice.extent()))};
  region.range = slice.has_begin()
                     ? ElementRange{slice.begin(), slice.count()}
                     : ElementRange{0, region.extent.num_elements()};
  return region;
}

absl::Status DamagedCheckpoint(absl::string_view path,
                               absl::string_view fault) {
  return absl::DataLossError(
      absl::StrCat(path, ": ", fault, "; the checkpoint is damaged"));
}

absl::Status CheckManifest(const CheckpointManifest& manifest) {
  if (manifest.format_version() == 0) {
    return Fault("the manifest", "has no format version");
  }
  if (manifest.chunk_bytes() <= 0 || manifest.chunk_bytes() % 8 != 0 ||
      manifest.chunk_bytes() > kMaxChunkBytes) {
    return Fault(
        "the manifest",
        absl::StrCat("has chunks of ", manifest.chunk_bytes(), " bytes"));
  }
  if (!manifest.has_train_state() || manifest.train_state().step() < 0) {
    return Fault("the manifest", "has no step");
  }
  COG_RETURN_IF_ERROR(CheckShards(manifest));
  std::pair<std::string, int> last;
  for (const CheckpointTensor& tensor : manifest.tensors()) {
    COG_RETURN_IF_ERROR(TensorCheck(manifest, tensor).Run());
    std::pair<std::string, int> key = {tensor.name(), tensor.role()};
    if (key <= last) {
      return Fault(absl::StrCat("tensor ", CheckpointTensorName(tensor.name(),
                                                                tensor.role())),
                   "comes twice, or in the wrong order");
    }
    last = std::move(key);
  }
  return CheckPlaces(manifest);
}

}  // namespace cogdist
