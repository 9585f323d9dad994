#include "runtime/data/byte_level.h"

#include "runtime/data/utf8.h"

namespace cogdist {
namespace {

constexpr uint32_t kFirstSubstitute = 0x100;

constexpr bool StandsForItself(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
}

constexpr std::array<uint32_t, 256> MakeAlphabet() {
  std::array<uint32_t, 256> alphabet{};
  uint32_t substitute = kFirstSubstitute;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    alphabet[byte] = StandsForItself(byte) ? byte : substitute++;
  }
  return alphabet;
}
constexpr auto kAlphabet = MakeAlphabet();

// kAlphabet reversed; -1 for characters outside it.
constexpr auto kByteOf = [] {
  std::array<int16_t, 0x180> bytes{};
  for (auto& byte : bytes) byte = -1;
  for (int16_t byte = 0; byte < 256; ++byte) bytes[kAlphabet[byte]] = byte;
  return bytes;
}();

}  // namespace

std::array<uint32_t, 256> ByteLevelAlphabet() { return kAlphabet; }

std::string ToByteLevel(absl::string_view bytes) {
  std::string text;
  for (const unsigned char byte : bytes) AppendUtf8(kAlphabet[byte], text);
  return text;
}

absl::optional<std::string> FromByteLevel(absl::string_view text) {
  if (ValidUtf8Prefix(text) != text.size()) return absl::nullopt;
  std::string bytes;
  while (!text.empty()) {
    const uint32_t character = TakeCodePoint(text);
    if (character >= kByteOf.size() || kByteOf[character] < 0) {
      return absl::nullopt;
    }
    bytes.push_back(static_cast<char>(kByteOf[character]));
  }
  return bytes;
}

}  // namespace cogdist
