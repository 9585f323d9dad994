#include "launcher/bench/collective_benchmarks.h"

#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/bench/device_tensors.h"
#include "launcher/human_format.h"
#include "runtime/clock.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

class CollectiveBenchmark {
 public:
  CollectiveBenchmark(Communicator& group, Stream& stream, const TensorView& x,
                      const TensorView& other)
      : group_(group), stream_(stream), x_(x), other_(other) {}

  std::vector<BenchmarkRow> Run() {
    const int size = group_.size();
    const double part = static_cast<double>(size - 1) / size;
    const int next = (group_.rank() + 1) % size;
    const int previous = (group_.rank() + size - 1) % size;
    return {
        Time("all-reduce", 2 * part, [&] { group_.AllReduceSum(stream_, x_); }),
        Time("reduce-scatter", part,
             [&] { group_.ReduceScatterSum(stream_, x_); }),
        Time("all-gather", part, [&] { group_.AllGather(stream_, x_); }),
        Time("broadcast", 1,
             [&] { group_.Broadcast(stream_, x_, /*root=*/0); }),
        Time("send and receive", 1,
             [&] { group_.SendRecv(stream_, x_, next, other_, previous); })};
  }

 private:
  // Ranks make the same number of calls, however fast each of them is.
  static constexpr int kBatches = 5, kCalls = 4;

  double SecondsOfBatch(absl::FunctionRef<void()> call) {
    stream_.Synchronize();
    group_.Barrier();
    const double start = MonotonicSeconds();
    for (int i = 0; i < kCalls; ++i) call();
    stream_.Synchronize();
    return (MonotonicSeconds() - start) / kCalls;
  }

  BenchmarkRow Time(absl::string_view what, double bus_share,
                    absl::FunctionRef<void()> call) {
    SecondsOfBatch(call);  // connections are made
    std::vector<double> batches;
    for (int i = 0; i < kBatches; ++i) batches.push_back(SecondsOfBatch(call));
    const double seconds = Median(std::move(batches));
    const double rate = x_.bytes() / seconds;
    return {
        .what = absl::StrCat(what, " ", FormatBytes(x_.bytes())),
        .rate = rate,
        .unit = "byte",
        .notes = absl::StrFormat("bus %s byte/s, %.3f ms",
                                 FormatCount(rate * bus_share), 1e3 * seconds)};
  }

  Communicator& group_;
  Stream& stream_;
  TensorView x_, other_;
};

}  // namespace

absl::StatusOr<std::vector<BenchmarkRow>> BenchmarkCollectives(
    RankContext& context, absl::Span<const int64_t> sizes) {
  std::vector<BenchmarkRow> rows;
  if (context.world_size() == 1) return rows;
  COG_ASSIGN_OR_RETURN(const std::unique_ptr<Communicator> all,
                       context.groups.world->Duplicate("benchmark"));
  Stream& stream = *context.streams.replicas;
  for (const int64_t elements : sizes) {
    DeviceTensors tensors(stream);
    // Zeros: sums of sums would overflow.
    const TensorView x = tensors.Zeros(DType::kFloat32, {elements});
    const TensorView other = tensors.Zeros(DType::kFloat32, {elements});
    COG_RETURN_IF_ERROR(tensors.status());
    for (BenchmarkRow& row :
         CollectiveBenchmark(*all, stream, x, other).Run()) {
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace cogdist
