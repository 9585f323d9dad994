// One rank's part of a checkpoint: copied to host memory while training stands
// still, written to its shard while it goes on.

#ifndef COGDIST_PARALLEL_CHECKPOINT_SHARD_SNAPSHOT_H_
#define COGDIST_PARALLEL_CHECKPOINT_SHARD_SNAPSHOT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "parallel/checkpoint/checkpoint_slices.h"
#include "parallel/param_store.h"
#include "proto/checkpoint.pb.h"
#include "runtime/file_system.h"
#include "runtime/host_buffer.h"
#include "runtime/stream.h"

namespace cogdist {

class ShardSnapshot {
 public:
  // Copies what this rank is to write, in order on `stream`, and waits for it.
  // The host memory is kept for the next snapshot; the stream's device outlives
  // it. RESOURCE_EXHAUSTED if there is not enough.
  absl::Status Take(const ParamStore& params, Stream& stream);

  // Of the slices.
  int64_t bytes() const { return elements_ * int64_t{sizeof(float)}; }

  struct WriteArgs {
    FileSystem& files;
    absl::string_view folder;   // of the checkpoint, there already
    absl::string_view save_id;  // goes to the header
    int rank = 0;               // in the world
    int64_t chunk_bytes = 0;    // a positive multiple of 8
  };
  // Writes the shard, durably, with a single sync of its data. Returns a
  // manifest of the shard and its slices alone, empty where the rank has none:
  // then no file is written. Any thread, while no other call is under way.
  absl::StatusOr<CheckpointManifest> Write(const WriteArgs& args) const;

 private:
  // Header and slices; adds what they are to `manifest`, which has the shard.
  absl::Status WriteContents(const WriteArgs& args, WritableFile& file,
                             CheckpointManifest& manifest) const;

  std::vector<SliceToWrite> slices_;  // their views are of no use any more
  HostBuffer data_;                   // theirs, one after another
  int64_t elements_ = 0;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CHECKPOINT_SHARD_SNAPSHOT_H_
