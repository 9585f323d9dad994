// What the benchmarks of kernels that have no header of their own share.

#ifndef COGDIST_LAUNCHER_BENCH_BENCH_H_
#define COGDIST_LAUNCHER_BENCH_BENCH_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "launcher/bench/kernel_timer.h"
#include "launcher/roofline/kernel_shapes.h"
#include "runtime/dtype.h"
#include "runtime/stream.h"

namespace cogdist {

struct Bench {
  const KernelShapes& shapes;
  DType type;
  KernelTimer& timer;

  Stream& stream() const { return timer.stream(); }
  // A row's name: "rope bfloat16".
  std::string What(absl::string_view kernel) const {
    return absl::StrCat(kernel, " ", Name(type));
  }
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_BENCH_BENCH_H_
