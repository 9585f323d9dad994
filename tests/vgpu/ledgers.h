// Ledgers of ranks that are threads, and watches that say what they find.

#ifndef COGDIST_TESTS_VGPU_LEDGERS_H_
#define COGDIST_TESTS_VGPU_LEDGERS_H_

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "parallel/collective_watch.h"
#include "parallel/ledger.h"
#include "runtime/check.h"
#include "runtime/process.h"
#include "tests/temp_dir.h"

namespace cogdist::vgpu {

// A ledger for each rank of this process, all in one file.
class Ledgers {
 public:
  explicit Ledgers(int size) {
    const std::vector<RankIdentity> ranks(
        size, {.host = "here", .process = ThisProcess(), .here = true});
    for (int rank = 0; rank < size; ++rank) {
      owned_.push_back(std::make_unique<Ledger>(rank, ranks));
      COG_CHECK_OK(owned_.back()->Share(dir_ / "ledger"));
      all_.push_back(owned_.back().get());
    }
  }
  const std::vector<Ledger*>& all() const { return all_; }

  Ledger::LaneState Lane(int rank, absl::string_view name) const {
    for (const Ledger::LaneState& lane : all_[rank]->Read(rank).lanes) {
      if (lane.name == name) return lane;
    }
    COG_CHECK(false, "no lane ", name);
  }

 private:
  const TempDir dir_;
  std::vector<std::unique_ptr<Ledger>> owned_;
  std::vector<Ledger*> all_;
};

// Longer than a test takes.
inline constexpr double kNever = 1000;

// A watch that says what it finds instead of ending the process.
class Watch {
 public:
  Watch(Ledger& ledger, double timeout_seconds, std::promise<std::string>& said)
      : watch_(ledger, {.timeout_seconds = timeout_seconds,
                        .on_failure = [&said](const std::string& message) {
                          said.set_value(message);
                        }}) {}

 private:
  const CollectiveWatch watch_;
};

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_LEDGERS_H_
