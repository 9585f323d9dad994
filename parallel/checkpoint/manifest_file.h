// manifest.pb, the file that makes a folder a checkpoint, as bytes:
//
//   "COGCKPT1", uint64 length, CheckpointManifest in protobuf's binary format,
//   uint32 CRC-32C of all before
//
// Integers are little-endian.

#ifndef COGDIST_PARALLEL_CHECKPOINT_MANIFEST_FILE_H_
#define COGDIST_PARALLEL_CHECKPOINT_MANIFEST_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/checkpoint.pb.h"

namespace cogdist {

inline constexpr absl::string_view kManifestName = "manifest.pb";
// The same for people; nothing reads it.
inline constexpr absl::string_view kManifestTextName = "manifest.pbtxt";

// Of the format described in docs/checkpoint_format.md. This program writes and
// reads it.
inline constexpr uint32_t kCheckpointFormatVersion = 1;

// Fails only for manifests beyond protobuf's limit of 2 GiB.
absl::StatusOr<std::string> EncodeManifest(const CheckpointManifest& manifest);
std::string ManifestText(const CheckpointManifest& manifest);

// The manifest in `file`, checked in full (manifest_check.h): whoever has it
// may rely on it. Errors begin with `path`. Whatever is wrong with the bytes is
// a DataLoss error; a version that needs a newer reader is FailedPrecondition.
// Takes memory in proportion to the bytes given, whatever they say.
absl::StatusOr<CheckpointManifest> DecodeManifest(absl::string_view file,
                                                  absl::string_view path);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_CHECKPOINT_MANIFEST_FILE_H_
