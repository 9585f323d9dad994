#include "runtime/data/nfc.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>

#include "runtime/check.h"

namespace cogdist {

absl::string_view ToNfc(absl::string_view text, std::string& buffer) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(error);
  COG_CHECK(U_SUCCESS(error), u_errorName(error));
  COG_CHECK_LE(text.size(), size_t{1} << 30);  // ICU counts in 32 bits
  const icu::StringPiece piece(text.data(), static_cast<int32_t>(text.size()));
  if (nfc->isNormalizedUTF8(piece, error)) return text;
  buffer.clear();
  icu::StringByteSink<std::string> sink(&buffer);
  nfc->normalizeUTF8(0, piece, sink, nullptr, error);
  COG_CHECK(U_SUCCESS(error), u_errorName(error));
  return buffer;
}

}  // namespace cogdist
