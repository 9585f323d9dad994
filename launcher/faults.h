// A list of what is wrong with a configuration, and the arithmetic of "the
// nearest value that works".

#ifndef COGDIST_LAUNCHER_FAULTS_H_
#define COGDIST_LAUNCHER_FAULTS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace cogdist {

class Faults {
 public:
  // Adds "PATH: WHAT", `what` being the concatenation of the arguments.
  template <typename... What>
  void Add(absl::string_view path, const What&... what) {
    lines_.push_back(absl::StrCat(path, ": ", what...));
  }

  // OK where nothing was added; else InvalidArgument, one line for each fault
  // in the order added.
  absl::Status ToStatus() const;

 private:
  std::vector<std::string> lines_;
};

// The largest multiple of `unit` below `value` and the smallest above, as text:
// "96 or 112"; only the upper one where the lower would be 0. Both arguments
// are at least 1.
std::string NearestMultiples(int64_t value, int64_t unit);

// The divisors of `whole` that are nearest to `value` on either side among
// those that `works` accepts, as text: "4 or 6"; empty where there is none.
std::string NearestDivisors(
    int64_t value, int64_t whole,
    const std::function<bool(int64_t divisor)>& works = nullptr);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_FAULTS_H_
