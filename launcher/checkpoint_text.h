// A checkpoint in words and tables, for people.

#ifndef COGDIST_LAUNCHER_CHECKPOINT_TEXT_H_
#define COGDIST_LAUNCHER_CHECKPOINT_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "launcher/value_statistics.h"
#include "parallel/checkpoint/stored_checkpoint.h"
#include "proto/checkpoint.pb.h"

namespace cogdist {

// Of all shards.
int64_t ShardBytes(const CheckpointManifest& manifest);

// "4 ranks: data 2 (ZeRO 1), tensor 2"
std::string LayoutText(const CheckpointLayout& layout);

// Where the training stood, what it trained, who wrote the checkpoint; a table
// of its shards and one of its tensors. Ends in a newline.
std::string DescribeCheckpoint(const StoredCheckpoint& checkpoint);

// One tensor in full: where its slices lie, and its values.
std::string DescribeTensor(const CheckpointManifest& manifest,
                           const CheckpointTensor& tensor,
                           const ValueStatistics& values);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_CHECKPOINT_TEXT_H_
