#include "parallel/checkpoint/slice_reader.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "parallel/checkpoint/checkpoint_slices.h"
#include "parallel/checkpoint/manifest_check.h"
#include "runtime/crc32c.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// The most that is read at a time, but for a chunk that is larger.
constexpr int64_t kReadBytes = 1 << 20;
// Far below what systems allow a process.
constexpr size_t kMaxOpenFiles = 16;

absl::Status Unreadable(absl::string_view path, const absl::Status& error) {
  return AsDamage(error, absl::StrCat(path, ": ", error.message(),
                                      "; the checkpoint cannot be read"));
}

}  // namespace

SliceReader::SliceReader(FileSystem& files, const StoredCheckpoint& checkpoint)
    : files_(files),
      checkpoint_(checkpoint),
      open_(checkpoint.manifest.shards_size()),
      header_checked_(open_.size()) {}

std::string SliceReader::PathOf(int shard) const {
  return absl::StrCat(checkpoint_.path, "/",
                      checkpoint_.manifest.shards(shard).path());
}

absl::StatusOr<ReadableFile*> SliceReader::Open(int shard) {
  if (open_[shard] != nullptr) return open_[shard].get();
  const std::string path = PathOf(shard);
  absl::StatusOr<std::unique_ptr<ReadableFile>> file = files_.OpenFile(path);
  if (!file.ok()) return Unreadable(path, file.status());
  if (opened_.size() == kMaxOpenFiles) {
    open_[opened_.front()].reset();
    opened_.pop_front();
  }
  opened_.push_back(shard);
  open_[shard] = *std::move(file);
  return open_[shard].get();
}

absl::Status SliceReader::VerifyHeader(int shard) {
  const std::string path = PathOf(shard);
  const CheckpointShard& about = checkpoint_.manifest.shards(shard);
  COG_ASSIGN_OR_RETURN(ReadableFile* const file, Open(shard));
  held_slice_ = nullptr;
  // In pieces: the manifest's word for its length is only as good as the file.
  uint32_t crc = 0;
  for (int64_t done = 0; done < about.header_bytes(); done += buffer_.size()) {
    buffer_.resize(std::min(kReadBytes, about.header_bytes() - done));
    const absl::Status read = file->Read(done, absl::MakeSpan(buffer_));
    if (!read.ok()) return Unreadable(path, read);
    crc = ExtendCrc32c(crc, {buffer_.data(), buffer_.size()});
  }
  if (crc != about.header_crc32c()) {
    return DamagedCheckpoint(
        path, absl::StrFormat("its header's checksum is %08x, the "
                              "manifest says %08x",
                              crc, about.header_crc32c()));
  }
  header_checked_[shard] = true;
  return absl::OkStatus();
}

int64_t SliceReader::MostAtOnce() const {
  const int64_t chunk = checkpoint_.manifest.chunk_bytes();
  return std::max(kReadBytes / chunk, int64_t{1}) * chunk;
}

SliceReader::Bytes SliceReader::ChunksAround(const CheckpointSlice& slice,
                                             Bytes bytes) const {
  const int64_t chunk = checkpoint_.manifest.chunk_bytes();
  return {bytes.begin / chunk * chunk,
          std::min((bytes.end + chunk - 1) / chunk * chunk, slice.bytes())};
}

absl::Status SliceReader::ReadChunks(const CheckpointTensor& tensor,
                                     const CheckpointSlice& slice,
                                     Bytes bytes) {
  const std::string path = PathOf(slice.shard());
  const int64_t chunk = checkpoint_.manifest.chunk_bytes();
  COG_ASSIGN_OR_RETURN(ReadableFile* const file, Open(slice.shard()));
  buffer_.resize(bytes.end - bytes.begin);
  held_slice_ = nullptr;
  const int64_t from = slice.file_offset() + bytes.begin;
  const std::string name = CheckpointTensorName(tensor.name(), tensor.role());
  const absl::Status read = file->Read(from, absl::MakeSpan(buffer_));
  if (!read.ok()) {
    return Unreadable(absl::StrCat(path, ": tensor ", name), read);
  }
  bytes_read_ += buffer_.size();
  const absl::string_view data(buffer_.data(), buffer_.size());
  for (int64_t done = 0; done < bytes.end - bytes.begin; done += chunk) {
    const uint32_t crc = Crc32c(data.substr(done, chunk));
    const uint32_t expected = slice.crc32c((bytes.begin + done) / chunk);
    if (crc == expected) continue;
    return DamagedCheckpoint(
        path,
        absl::StrFormat("tensor %s: the checksum of the %d bytes at %d is "
                        "%08x, the manifest says %08x",
                        name, data.substr(done, chunk).size(), from + done, crc,
                        expected));
  }
  held_slice_ = &slice;
  held_ = bytes;
  return absl::OkStatus();
}

SliceReader::Bytes SliceReader::NextStretch(
    const CheckpointSlice& slice, int64_t first,
    absl::Span<const CommonRun> runs) const {
  Bytes stretch = ChunksAround(slice, {first, first + kFloatBytes});
  const int64_t limit = stretch.begin + MostAtOnce();
  for (const CommonRun& run : runs) {
    const Bytes around = ChunksAround(
        slice, {run.in_b * kFloatBytes, (run.in_b + run.count) * kFloatBytes});
    if (around.begin > stretch.end || stretch.end >= limit) break;
    stretch.end = std::max(stretch.end, std::min(around.end, limit));
  }
  return stretch;
}

absl::Status SliceReader::Read(const CheckpointTensor& tensor,
                               const CheckpointSlice& slice,
                               absl::Span<const CommonRun> runs,
                               absl::Span<float> out) {
  if (!header_checked_[slice.shard()]) {
    COG_RETURN_IF_ERROR(VerifyHeader(slice.shard()));
  }
  int64_t done = 0;  // of the first of `runs`
  while (!runs.empty()) {
    const CommonRun& run = runs.front();
    const int64_t first = (run.in_b + done) * kFloatBytes;
    if (held_slice_ != &slice || first < held_.begin || first >= held_.end) {
      COG_RETURN_IF_ERROR(
          ReadChunks(tensor, slice, NextStretch(slice, first, runs)));
    }
    const int64_t count =
        std::min(run.count - done, (held_.end - first) / kFloatBytes);
    std::memcpy(out.data() + run.in_a + done,
                buffer_.data() + (first - held_.begin), count * kFloatBytes);
    done += count;
    if (done < run.count) continue;
    runs.remove_prefix(1);
    done = 0;
  }
  return absl::OkStatus();
}

absl::Status SliceReader::Verify(const CheckpointTensor& tensor,
                                 const CheckpointSlice& slice) {
  const int64_t piece = MostAtOnce();
  for (int64_t begin = 0; begin < slice.bytes(); begin += piece) {
    COG_RETURN_IF_ERROR(ReadChunks(
        tensor, slice, {begin, std::min(begin + piece, slice.bytes())}));
  }
  return absl::OkStatus();
}

}  // namespace cogdist
