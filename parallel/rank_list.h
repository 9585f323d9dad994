// Ranks in messages.

#ifndef COGDIST_PARALLEL_RANK_LIST_H_
#define COGDIST_PARALLEL_RANK_LIST_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"

namespace cogdist {

// "rank 3" or "ranks 1, 2".
inline std::string RankList(absl::Span<const int> ranks) {
  return absl::StrCat(ranks.size() == 1 ? "rank " : "ranks ",
                      absl::StrJoin(ranks, ", "));
}

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_RANK_LIST_H_
