// Numbers as people read them: three significant digits and a unit. For output
// only; what programs read is printed exactly.

#ifndef COGDIST_LAUNCHER_HUMAN_FORMAT_H_
#define COGDIST_LAUNCHER_HUMAN_FORMAT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace cogdist {

// Powers of 1000: "999", "4.99k", "412k", "141M", "1.2T". "-" unless finite.
std::string FormatCount(double count);

// Powers of 1024: "512 B", "1.50 GiB".
std::string FormatBytes(int64_t bytes);

// Two units at most, truncated: "0.25 s", "42 s", "3 min 06 s", "3 h 06 min",
// "2 d 03 h". "-" unless it is from 0 to 1e10.
std::string FormatDuration(double seconds);

// A share of 1: "51.2 %". "-" unless finite.
std::string FormatPercent(double share);

// Appends a line "  label:         value", the values below each other.
void AddRow(std::string& text, absl::string_view label,
            absl::string_view value);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_HUMAN_FORMAT_H_
