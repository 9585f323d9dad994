#include "launcher/agreement.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "launcher/config_fields.h"
#include "parallel/rank_list.h"
#include "runtime/check.h"
#include "runtime/crc32c.h"
#include "runtime/data/dataset_meta.h"
#include "runtime/file.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// No trait holds these control characters.
constexpr char kNameEnd = '\x1f';
constexpr char kTraitEnd = '\x1e';

std::string Hex(uint32_t crc) { return absl::StrFormat("%08x", crc); }

// "123 bytes" or that it is not there.
std::string SizeTrait(const std::string& path) {
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(path, error);
  return error ? "missing" : absl::StrCat(bytes, " bytes");
}

// Size and checksum; of a long file only of its ends, so that starting stays
// fast.
std::string ContentTrait(const std::string& path) {
  constexpr size_t kEnd = 1 << 20;
  const absl::StatusOr<MappedFile> file = MappedFile::Open(path);
  if (!file.ok()) return "missing";
  const absl::string_view bytes = file->contents();
  uint32_t crc = Crc32c(bytes.substr(0, kEnd));
  if (bytes.size() > kEnd) {
    crc = ExtendCrc32c(crc, bytes.substr(std::max(kEnd, bytes.size() - kEnd)));
  }
  return absl::StrCat(bytes.size(), " bytes with checksum ", Hex(crc));
}

std::string ProgramTrait() {
  const absl::StatusOr<MappedFile> program = MappedFile::Open("/proc/self/exe");
  if (!program.ok()) return absl::StrCat("cogdist ", COGDIST_VERSION);
  return absl::StrCat("cogdist ", COGDIST_VERSION, " with checksum ",
                      Hex(Crc32c(program->contents())));
}

void AddDatasets(const RunConfig& config, std::vector<Trait>& traits) {
  std::set<std::string> seen;
  for (const auto* sources :
       {&config.data().train(), &config.data().validation()}) {
    for (const DatasetConfig& source : *sources) {
      const std::string& prefix = source.prefix();
      if (!seen.insert(prefix).second) continue;
      traits.push_back({absl::StrCat(prefix, ".bin"),
                        SizeTrait(absl::StrCat(prefix, ".bin"))});
      traits.push_back({absl::StrCat(prefix, ".idx"),
                        ContentTrait(absl::StrCat(prefix, ".idx"))});
      traits.push_back(
          {DatasetMetaPath(prefix), ContentTrait(DatasetMetaPath(prefix))});
    }
  }
}

std::string Serialize(const std::vector<Trait>& traits) {
  std::string text;
  for (const Trait& trait : traits) {
    absl::StrAppend(&text, trait.name, std::string(1, kNameEnd), trait.value,
                    std::string(1, kTraitEnd));
  }
  return text;
}

std::vector<std::string> Names(absl::string_view text) {
  std::vector<std::string> names;
  for (const absl::string_view trait :
       absl::StrSplit(text, kTraitEnd, absl::SkipEmpty())) {
    names.emplace_back(trait.substr(0, trait.find(kNameEnd)));
  }
  return names;
}

using TraitMap = std::map<std::string, std::string>;

TraitMap Parse(absl::string_view text) {
  TraitMap traits;
  for (const absl::string_view trait :
       absl::StrSplit(text, kTraitEnd, absl::SkipEmpty())) {
    const std::vector<std::string> parts = absl::StrSplit(trait, kNameEnd);
    COG_CHECK_EQ(parts.size(), size_t{2});
    traits[parts[0]] = parts[1];
  }
  return traits;
}

// Ranks by their value of `name`: most ranks first; of as many, the lowest.
std::vector<std::pair<std::string, std::vector<int>>> RanksByValue(
    const std::vector<TraitMap>& ranks, const std::string& name) {
  std::map<std::string, std::vector<int>> holders;
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    const auto found = ranks[rank].find(name);
    holders[found == ranks[rank].end() ? "not set" : found->second].push_back(
        static_cast<int>(rank));
  }
  std::vector<std::pair<std::string, std::vector<int>>> values(holders.begin(),
                                                               holders.end());
  std::sort(values.begin(), values.end(), [](const auto& a, const auto& b) {
    if (a.second.size() != b.second.size()) {
      return a.second.size() > b.second.size();
    }
    return a.second < b.second;
  });
  return values;
}

absl::Status Difference(const std::vector<TraitMap>& ranks,
                        const std::string& name) {
  const auto values = RanksByValue(ranks, name);
  if (values.size() == 1) return absl::OkStatus();
  std::vector<std::string> others;
  for (size_t i = 1; i < values.size(); ++i) {
    others.push_back(
        absl::StrCat(values[i].first, " on ", RankList(values[i].second)));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the ranks were not started alike: ", name, " is ",
      absl::StrJoin(others, ", "), ", but ", values[0].first, " on ",
      RankList(values[0].second),
      "; start all ranks with the same program, configuration and files"));
}

}  // namespace

std::vector<Trait> TraitsOf(const RunConfig& config, absl::string_view device,
                            absl::string_view options) {
  std::vector<Trait> traits = {{"the program", ProgramTrait()},
                               {"the device", std::string(device)},
                               {"the command", std::string(options)}};
  for (ConfigField& field : FieldsOf(config)) {
    traits.push_back({std::move(field.name), std::move(field.value)});
  }
  AddDatasets(config, traits);
  return traits;
}

absl::Status CompareTraits(Communicator& world,
                           const std::vector<Trait>& traits) {
  const std::string mine = Serialize(traits);
  // What is long is only sent round where there is a difference to be found.
  const std::vector<std::string> sums =
      world.AllGatherStrings(absl::StrCat(mine.size(), ":", Hex(Crc32c(mine))));
  if (std::equal(sums.begin() + 1, sums.end(), sums.begin())) {
    return absl::OkStatus();
  }
  const std::vector<std::string> texts = world.AllGatherStrings(mine);
  std::vector<TraitMap> ranks;
  for (const std::string& text : texts) ranks.push_back(Parse(text));
  // In the order of each rank's own traits, from rank 0 on: the same
  // everywhere.
  for (const std::string& text : texts) {
    for (const std::string& name : Names(text)) {
      COG_RETURN_IF_ERROR(Difference(ranks, name));
    }
  }
  return absl::OkStatus();
}

}  // namespace cogdist
