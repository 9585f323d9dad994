// Ranks that were started differently train nonsense or wait for each other for
// ever: they are compared before any work starts.

#ifndef COGDIST_LAUNCHER_AGREEMENT_H_
#define COGDIST_LAUNCHER_AGREEMENT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "parallel/communicator.h"
#include "proto/run_config.pb.h"

namespace cogdist {

// Something that should be the same on all ranks.
struct Trait {
  std::string name;   // e.g. "program", "data.train.0.prefix data/train"
  std::string value;  // may be several lines
};

// This process's: the program (version and checksum of the executable), its
// command line options `options`, the resolved configuration field by field,
// and each dataset that it names as it looks from here (sizes, checksums of
// index and meta file). Files that cannot be read are values, too.
std::vector<Trait> TraitsOf(const RunConfig& config, absl::string_view device,
                            absl::string_view options);

// OK if all ranks have the same traits. Else INVALID_ARGUMENT, the same on all
// ranks: the first trait that differs, its value on most ranks, and who has
// which other one. Collective.
absl::Status CompareTraits(Communicator& world,
                           const std::vector<Trait>& traits);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_AGREEMENT_H_
