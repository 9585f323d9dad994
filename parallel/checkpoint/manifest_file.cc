#include "parallel/checkpoint/manifest_file.h"

#include <google/protobuf/text_format.h>

#include <bit>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "parallel/checkpoint/manifest_check.h"
#include "runtime/crc32c.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr absl::string_view kMagic = "COGCKPT1";
constexpr size_t kBeforeMessage = 16;  // magic and length
constexpr size_t kAfterMessage = 4;    // checksum

template <typename T>
void AppendNumber(std::string& file, T number) {
  file.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

template <typename T>
T ReadNumber(absl::string_view file, size_t offset) {
  T number;
  std::memcpy(&number, file.data() + offset, sizeof(number));
  return number;
}

// The message's bytes.
absl::StatusOr<absl::string_view> Unframe(absl::string_view file,
                                          absl::string_view path) {
  if (file.size() < kBeforeMessage + kAfterMessage) {
    return DamagedCheckpoint(
        path,
        absl::StrCat("has ", file.size(), " bytes, less than any manifest"));
  }
  if (file.substr(0, kMagic.size()) != kMagic) {
    return DamagedCheckpoint(path,
                             absl::StrCat("does not begin with ", kMagic));
  }
  const auto length = ReadNumber<uint64_t>(file, kMagic.size());
  const uint64_t present = file.size() - kBeforeMessage - kAfterMessage;
  if (length != present) {
    return DamagedCheckpoint(
        path, absl::StrCat("says that its message has ", length,
                           " bytes, but has room for ", present));
  }
  const absl::string_view covered = file.substr(0, kBeforeMessage + length);
  const auto expected = ReadNumber<uint32_t>(file, covered.size());
  const uint32_t actual = Crc32c(covered);
  if (actual != expected) {
    return DamagedCheckpoint(
        path, absl::StrFormat("its checksum is %08x, not %08x as it "
                              "says",
                              actual, expected));
  }
  return covered.substr(kBeforeMessage);
}

}  // namespace

absl::StatusOr<std::string> EncodeManifest(const CheckpointManifest& manifest) {
  const size_t length = manifest.ByteSizeLong();
  if (length > std::numeric_limits<int>::max()) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the manifest would have ", length,
        " bytes, protobuf's limit is 2 GiB; a larger checksum chunk makes it "
        "smaller"));
  }
  std::string file(kMagic.data(), kMagic.size());
  AppendNumber<uint64_t>(file, length);
  manifest.AppendToString(&file);
  AppendNumber<uint32_t>(file, Crc32c(file));
  return file;
}

std::string ManifestText(const CheckpointManifest& manifest) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(manifest, &text);
  return text;
}

absl::StatusOr<CheckpointManifest> DecodeManifest(absl::string_view file,
                                                  absl::string_view path) {
  COG_ASSIGN_OR_RETURN(const absl::string_view message, Unframe(file, path));
  CheckpointManifest manifest;
  if (message.size() > std::numeric_limits<int>::max() ||
      !manifest.ParseFromArray(message.data(),
                               static_cast<int>(message.size()))) {
    return DamagedCheckpoint(path, "holds no CheckpointManifest");
  }
  // Before the contents: a newer format may mean other things by them.
  if (manifest.min_reader_version() > kCheckpointFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": needs a reader of format ", manifest.min_reader_version(),
        ", this program (format ", kCheckpointFormatVersion,
        ") is too old; use the one that wrote it: ",
        manifest.program_version()));
  }
  if (const absl::Status checked = CheckManifest(manifest); !checked.ok()) {
    return DamagedCheckpoint(path, checked.message());
  }
  return manifest;
}

}  // namespace cogdist
