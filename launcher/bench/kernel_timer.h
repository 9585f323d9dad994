// How long a kernel takes, on any device.

#ifndef COGDIST_LAUNCHER_BENCH_KERNEL_TIMER_H_
#define COGDIST_LAUNCHER_BENCH_KERNEL_TIMER_H_

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "launcher/bench/benchmark_report.h"
#include "launcher/roofline/kernel_cost.h"
#include "runtime/dtype.h"
#include "runtime/stream.h"

namespace cogdist {

// What a kernel's rate is compared with, measured on the same device.
struct Yardsticks {
  double gemm_flops = 0;  // a second: square products in the kernel's type
  double copy_bytes = 0;  // a second: read and written by a large copy
};
absl::StatusOr<Yardsticks> MeasureYardsticks(Stream& stream, DType dtype,
                                             int64_t copied_elements);

// Median seconds of a call, in batches between two waits of the host, so that
// on a GPU neither the wait nor the launch counts; for `least_seconds` or three
// batches, whichever takes longer. `call` enqueues on the stream.
double SecondsOfACall(Stream& stream, double least_seconds,
                      absl::FunctionRef<void()> call);

// Collects a row of the report for each kernel.
class KernelTimer {
 public:
  KernelTimer(Stream& stream, const Yardsticks& yardsticks,
              double least_seconds)
      : stream_(stream),
        yardsticks_(yardsticks),
        least_seconds_(least_seconds) {}

  // In FLOP/s and of GEMM where matrices are multiplied, else in bytes/s and of
  // the copy.
  void Time(std::string what, const KernelCost& cost,
            absl::FunctionRef<void()> call);

  Stream& stream() const { return stream_; }
  const std::vector<BenchmarkRow>& rows() const { return rows_; }

 private:
  Stream& stream_;
  Yardsticks yardsticks_;
  double least_seconds_;
  std::vector<BenchmarkRow> rows_;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_BENCH_KERNEL_TIMER_H_
