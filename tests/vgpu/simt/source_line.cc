#include "tests/vgpu/simt/source_line.h"

#include <array>
#include <cstdio>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tests/vgpu/simt/program_image.h"

namespace cogdist::simt {
namespace {

std::string OutputOf(const std::string& command) {
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "";
  std::string output;
  std::array<char, 4096> buffer;
  while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), n);
  }
  pclose(pipe);
  return output;
}

// "/any/where/kernels/cuda/x.cu:3 (discriminator 2)" -> "kernels/cuda/x.cu:3".
std::string Shortened(absl::string_view line) {
  line = line.substr(0, line.find(' '));
  for (absl::string_view folder : {"/kernels/", "/tests/"}) {
    const size_t at = line.find(folder);
    if (at != line.npos) return std::string(line.substr(at + 1));
  }
  return std::string(line);
}

// addr2line prints pairs of lines, a function and its place, from the innermost
// inlined function outwards.
SourceLine Parse(const std::string& output) {
  const std::vector<absl::string_view> lines = absl::StrSplit(output, '\n');
  for (size_t i = 0; i + 1 < lines.size(); i += 2) {
    if (absl::StrContains(lines[i + 1], "??")) continue;
    if (absl::StrContains(lines[i + 1], "/vgpu/simt/gpu_backend.h")) continue;
    return {std::string(lines[i]), Shortened(lines[i + 1])};
  }
  return {};
}

// Places of interpreted texts are numbered from here on, beyond any program's
// end.
constexpr CodeOffset kFirstText = 0x80000000;

struct Places {
  std::string LineAt(CodeOffset place) const {
    const auto text = std::prev(texts.upper_bound(place));
    return absl::StrFormat("%s:%d", text->second, place - text->first);
  }

  std::mutex mutex;
  std::map<CodeOffset, SourceLine> known;
  std::map<CodeOffset, std::string> texts;  // by their first place
  CodeOffset end = kFirstText;              // of the last text
};
Places& AllPlaces() {
  static Places& places = *new Places;
  return places;
}

}  // namespace

CodeOffset PlacesOf(const std::string& file, size_t lines) {
  Places& places = AllPlaces();
  const std::lock_guard<std::mutex> lock(places.mutex);
  places.texts[places.end] = file;
  return std::exchange(places.end, places.end + static_cast<CodeOffset>(lines));
}

CodeOffset OffsetOf(const void* code) {
  return static_cast<CodeOffset>(reinterpret_cast<uintptr_t>(code) -
                                 ImageBegin());
}

const SourceLine& SourceAt(CodeOffset offset) {
  Places& places = AllPlaces();
  const std::lock_guard<std::mutex> lock(places.mutex);
  const auto [entry, is_new] = places.known.try_emplace(offset);
  if (is_new && offset >= kFirstText) {
    entry->second.line = places.LineAt(offset);
  } else if (is_new && offset != 0) {
    // A return address belongs to the instruction before it.
    entry->second = Parse(
        OutputOf(absl::StrFormat("addr2line -i -f -C -e '%s' 0x%x 2>/dev/null",
                                 ImageFile(), offset - 1)));
  }
  return entry->second;
}

}  // namespace cogdist::simt
