#include "tests/fuzz/fuzz_targets.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "parallel/checkpoint/checkpoint_slices.h"
#include "parallel/checkpoint/manifest_check.h"
#include "parallel/checkpoint/manifest_file.h"
#include "runtime/check.h"
#include "runtime/crc32c.h"
#include "runtime/safetensors.h"
#include "runtime/safetensors_header.h"

namespace cogdist {
namespace {

template <typename T>
void AppendNumber(std::string& file, T number) {
  file.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

void CheckSlices(const CheckpointManifest& manifest,
                 const CheckpointTensor& tensor) {
  int64_t elements = 0;
  for (const CheckpointSlice& slice : tensor.slices()) {
    const TensorRegion region = RegionOf(tensor, slice);
    const CheckpointShard& shard = manifest.shards(slice.shard());
    COG_CHECK_LE(region.range.end(), region.extent.num_elements());
    COG_CHECK_EQ(region.range.count * 4, slice.bytes());
    COG_CHECK_GE(slice.file_offset(), shard.header_bytes());
    COG_CHECK_LE(slice.file_offset() + slice.bytes(), shard.bytes());
    elements += region.range.count;
  }
  COG_CHECK_EQ(elements, ShapeOf(tensor).num_elements());
}

void DecodeAndCheck(absl::string_view file) {
  const auto manifest = DecodeManifest(file, "manifest");
  if (!manifest.ok()) {
    COG_CHECK(!manifest.status().message().empty());
    return;
  }
  for (const CheckpointTensor& tensor : manifest->tensors()) {
    CheckSlices(*manifest, tensor);
  }
  const auto again = EncodeManifest(*manifest);
  COG_CHECK_OK(again.status());
  COG_CHECK_OK(DecodeManifest(*again, "manifest").status());
}

void ParseAndCheck(absl::string_view file) {
  const auto header = ParseSafetensorsHeader(file, "file");
  if (!header.ok()) {
    COG_CHECK(!header.status().message().empty());
    return;
  }
  for (const SafetensorsEntry& entry : header->tensors) {
    COG_CHECK_GE(entry.begin, 0);
    COG_CHECK_LE(entry.begin, entry.end);
    COG_CHECK_LE(entry.end + header->data_offset,
                 static_cast<int64_t>(file.size()));
    const StoredTensor tensor = {
        .name = entry.name,
        .dtype = entry.dtype,
        .shape = entry.shape,
        .bytes = file.substr(header->data_offset + entry.begin,
                             entry.end - entry.begin),
        .path = "file"};
    std::vector<float> values(
        std::min<int64_t>(tensor.shape.num_elements(), 1000));
    // Types that are no floating point are refused.
    (void)ReadFloats(tensor, tensor.shape.num_elements() - values.size(),
                     absl::MakeSpan(values));
  }
}

}  // namespace

void FuzzManifest(absl::string_view bytes) {
  DecodeAndCheck(bytes);
  std::string file = "COGCKPT1";
  AppendNumber<uint64_t>(file, bytes.size());
  file.append(bytes.data(), bytes.size());
  AppendNumber<uint32_t>(file, Crc32c(file));
  DecodeAndCheck(file);
}

void FuzzSafetensors(absl::string_view bytes) {
  ParseAndCheck(bytes);
  std::string file;
  AppendNumber<uint64_t>(file, bytes.size());
  file.append(bytes.data(), bytes.size());
  ParseAndCheck(file);
  file.append(24, '\x3f');
  ParseAndCheck(file);
}

}  // namespace cogdist
