#include "kernels/cpu/local_position.h"

#include <algorithm>

#include "kernels/cpu/parallel_for.h"

namespace cogdist::cpu {

void LocalPosition(CpuStream&, const LocalPositionArgs& args) {
  int32_t* const to = args.to.Data<int32_t>();
  const int32_t* const from = args.from.Data<int32_t>();
  const auto before = [&](int64_t position, int64_t begin) {
    return std::clamp<int64_t>(position - begin, 0, args.length);
  };
  ParallelChunks(args.to.num_elements(), 2 * sizeof(int32_t),
                 [&](int64_t begin, int64_t count) {
                   for (int64_t k = begin; k < begin + count; ++k) {
                     to[k] = before(from[k], args.begin[0]) +
                             before(from[k], args.begin[1]);
                   }
                 });
}

}  // namespace cogdist::cpu
