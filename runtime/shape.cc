#include "runtime/shape.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/check.h"

namespace cogdist {

Shape::Shape(absl::Span<const int64_t> dims) : rank_(dims.size()) {
  COG_CHECK_LE(rank_, kMaxRank);
  std::copy(dims.begin(), dims.end(), dims_.begin());
}

int64_t Shape::num_elements() const {
  int64_t product = 1;
  bool fits = true;
  for (const int64_t extent : dims()) {
    fits &= !__builtin_mul_overflow(product, extent, &product);
  }
  COG_CHECK(fits && product >= 0 && product <= kMaxElements, "a tensor of ",
            ToString(), " elements");
  return product;
}

std::string Shape::ToString() const {
  return absl::StrCat("[", absl::StrJoin(dims(), ", "), "]");
}

}  // namespace cogdist
