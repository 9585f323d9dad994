// Elements of a checkpoint's slices, checked before they are handed out. A
// slice's checksums cover chunks of it, so that a reader of a part reads the
// chunks around the part and no more.

#ifndef COGDIST_PARALLEL_CHECKPOINT_SLICE_READER_H_
#define COGDIST_PARALLEL_CHECKPOINT_SLICE_READER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "parallel/checkpoint/stored_checkpoint.h"
#include "parallel/checkpoint/tensor_region.h"
#include "runtime/file_system.h"

namespace cogdist {

// One thread. A file is opened when it is first needed, and its header checked
// before Read() takes anything from it; however many shards there are, few are
// open at a time. Every error names the file and, where the fault is in its
// data, the tensor, and is AsDamage(): for a DataLoss error whoever reads goes
// back to another checkpoint.
class SliceReader {
 public:
  // Both outlive the reader.
  SliceReader(FileSystem& files, const StoredCheckpoint& checkpoint);

  // For each of `runs`, in ascending order: elements [in_b, in_b + count) of
  // the slice go to out[in_a...]. Calls that go on where the last one ended
  // read no chunk twice. `slice` is one of the checkpoint's.
  absl::Status Read(const CheckpointTensor& tensor,
                    const CheckpointSlice& slice,
                    absl::Span<const CommonRun> runs, absl::Span<float> out);

  // Checks a shard's header, or a slice, without keeping anything. Whether a
  // slice is right does not depend on the header: the manifest says where it
  // is.
  absl::Status VerifyHeader(int shard);
  absl::Status Verify(const CheckpointTensor& tensor,
                      const CheckpointSlice& slice);

  // Of slices, so far.
  int64_t bytes_read() const { return bytes_read_; }

 private:
  struct Bytes {
    int64_t begin = 0;  // from the begin of the slice
    int64_t end = 0;
  };
  // Valid until the next call.
  absl::StatusOr<ReadableFile*> Open(int shard);
  // Whole chunks of a slice into buffer_, checked; then it holds them.
  absl::Status ReadChunks(const CheckpointTensor& tensor,
                          const CheckpointSlice& slice, Bytes bytes);
  // Chunks around `bytes`, which lie in the slice.
  Bytes ChunksAround(const CheckpointSlice& slice, Bytes bytes) const;
  // What to read next for the element at byte `first`, which is in the first of
  // `runs`: chunks in a row of which each has something that is wanted.
  Bytes NextStretch(const CheckpointSlice& slice, int64_t first,
                    absl::Span<const CommonRun> runs) const;
  // Bytes in one read; whole chunks.
  int64_t MostAtOnce() const;
  std::string PathOf(int shard) const;

  FileSystem& files_;
  const StoredCheckpoint& checkpoint_;
  std::vector<std::unique_ptr<ReadableFile>> open_;  // by shard
  std::deque<int> opened_;                           // those, oldest first
  std::vector<bool> header_checked_;                 // by shard
  std::vector<char> buffer_;
  // What buffer_ has, if anything: checked bytes of this slice.
  const CheckpointSlice* held_slice_ = nullptr;
  Bytes held_;
  int64_t bytes_read_ = 0;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CHECKPOINT_SLICE_READER_H_
