#include "parallel/communicator.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "absl/functional/function_ref.h"
#include "parallel/partition.h"
#include "runtime/check.h"

namespace cogdist {
namespace {

// Folds every rank's values, in rank order.
template <typename T>
void Fold(Communicator& group, absl::Span<T> values,
          absl::FunctionRef<T(T, T)> op) {
  const size_t bytes = values.size() * sizeof(T);
  const std::vector<std::string> all = group.AllGatherStrings(
      absl::string_view(reinterpret_cast<const char*>(values.data()), bytes));
  std::vector<T> other(values.size());
  for (int rank = 0; rank < group.size(); ++rank) {
    COG_CHECK_EQ(all[rank].size(), bytes);
    std::memcpy(other.data(), all[rank].data(), bytes);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = rank == 0 ? other[i] : op(values[i], other[i]);
    }
  }
}

// What a Send() receives.
TensorView NoTensor() { return TensorView(nullptr, DType::kFloat32, {0}); }

}  // namespace

void Communicator::AllReduceSum(Stream& stream, const TensorView& x,
                                SumOrder order) {
  CheckSum(x, order);
  DoAllReduce(stream, x, Reduction::kSum, order);
}

void Communicator::AllReduceMax(Stream& stream, const TensorView& x) {
  CheckCarriesTensors();
  COG_CHECK(x.dtype == DType::kFloat32, "no maximum of ", x.ToString());
  COG_CHECK(x.IsContiguous());
  DoAllReduce(stream, x, Reduction::kMax, SumOrder::kRing);
}

void Communicator::ReduceScatterSum(Stream& stream, const TensorView& x,
                                    SumOrder order) {
  ReduceScatterSum(stream, x, EvenBorders(x.num_elements(), size()), order);
}

void Communicator::ReduceScatterSum(Stream& stream, const TensorView& x,
                                    absl::Span<const int64_t> borders,
                                    SumOrder order) {
  CheckSum(x, order);
  CheckBorders(x, borders);
  DoReduceScatter(stream, x, borders, order);
}

void Communicator::AllGather(Stream& stream, const TensorView& x) {
  AllGather(stream, x, EvenBorders(x.num_elements(), size()));
}

void Communicator::AllGather(Stream& stream, const TensorView& x,
                             absl::Span<const int64_t> borders) {
  CheckCarriesTensors();
  CheckBorders(x, borders);
  DoAllGather(stream, x, borders);
}

void Communicator::Broadcast(Stream& stream, const TensorView& x, int root) {
  CheckCarriesTensors();
  COG_CHECK(root >= 0 && root < size(), "no rank ", root);
  COG_CHECK(x.IsContiguous());
  DoBroadcast(stream, x, root);
}

void Communicator::Send(Stream& stream, const TensorView& x, int to) {
  SendRecv(stream, x, to, NoTensor(), to);
}

void Communicator::Recv(Stream& stream, const TensorView& x, int from) {
  SendRecv(stream, NoTensor(), from, x, from);
}

void Communicator::SendRecv(Stream& stream, const TensorView& send, int to,
                            const TensorView& recv, int from) {
  CheckCarriesTensors();
  CheckTransfer({send, to});
  CheckTransfer({recv, from});
  DoSendRecv(stream, {send, to}, {recv, from});
}

Ledger::Entry Communicator::EntryOf(Operation operation, const TensorView& x) {
  return {.operation = operation, .elements = x.num_elements()};
}

Ledger::Entry Communicator::EntryOf(const LedgerGroup& group,
                                    const Transfer& send,
                                    const Transfer& recv) {
  Ledger::Entry entry = {
      .operation = Operation::kSendReceive,
      .elements = send.x.num_elements() + recv.x.num_elements()};
  if (send.x.bytes() > 0) entry.to = group.WorldRank(send.peer);
  if (recv.x.bytes() > 0) entry.from = group.WorldRank(recv.peer);
  return entry;
}

absl::StatusOr<std::unique_ptr<Communicator>> Communicator::Duplicate(
    absl::string_view name) {
  std::vector<int> all(size());
  std::iota(all.begin(), all.end(), 0);
  return Split(all, name);
}

void Communicator::CheckCarriesTensors() const {
  COG_CHECK(carries() != Carries::kControl,
            "a group for control operations alone has been given a tensor");
}

void Communicator::CheckSum(const TensorView& x, SumOrder order) const {
  CheckCarriesTensors();
  COG_CHECK(x.dtype == DType::kFloat32 || x.dtype == DType::kBFloat16,
            "cannot sum ", x.ToString());
  COG_CHECK(x.IsContiguous());
  COG_CHECK(order == SumOrder::kRing || (size() & (size() - 1)) == 0,
            "pairwise sum over ", size(), " ranks, which is no power of two");
}

void Communicator::CheckBorders(const TensorView& x,
                                absl::Span<const int64_t> borders) const {
  COG_CHECK(x.IsContiguous());
  COG_CHECK_EQ(static_cast<int>(borders.size()), size() + 1);
  COG_CHECK(std::is_sorted(borders.begin(), borders.end()) &&
                borders.front() >= 0 && borders.back() <= x.num_elements(),
            "parts from ", borders.front(), " to ", borders.back(), " of ",
            x.ToString());
}

void Communicator::CheckTransfer(const Transfer& transfer) const {
  const auto& [x, peer] = transfer;
  COG_CHECK(x.IsContiguous());
  COG_CHECK(
      x.num_elements() == 0 || (peer >= 0 && peer < size() && peer != rank()),
      "no other rank ", peer);
}

void Communicator::AllReduceSumHost(absl::Span<double> values) {
  Fold<double>(*this, values, [](double a, double b) { return a + b; });
}

void Communicator::AllReduceSumHost(absl::Span<int64_t> values) {
  Fold<int64_t>(*this, values, [](int64_t a, int64_t b) { return a + b; });
}

void Communicator::AllReduceMaxHost(absl::Span<double> values) {
  Fold<double>(*this, values, [](double a, double b) {
    return std::isnan(a) || std::isnan(b) ? a + b : std::max(a, b);
  });
}

std::string Communicator::BroadcastString(absl::string_view text, int root) {
  return AllGatherStrings(rank() == root ? text : absl::string_view())[root];
}

void Communicator::Barrier() { AllGatherStrings(""); }

}  // namespace cogdist
