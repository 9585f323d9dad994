// Runs a layer on a tensor group of threads, with weights and inputs that are
// functions of their names and places in the whole tensors, and puts the parts
// together again: what any group computes can be compared with what one rank
// does.

#ifndef COGDIST_TESTS_MODELS_TENSOR_RANKS_H_
#define COGDIST_TESTS_MODELS_TENSOR_RANKS_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kernels/cast.h"
#include "models/layer.h"
#include "models/sharded_rows.h"
#include "runtime/rng.h"
#include "tests/models/reference.h"
#include "tests/testing/rank_threads.h"

namespace cogdist::testing {

struct TensorLayout {
  int ranks = 1;
  bool sequence_parallel = false;
  DType dtype = DType::kFloat32;
  int kv_heads = 0;  // where a layer has fewer of them than ranks
};

// Whole tensors by name, gradients as "d NAME".
struct WholeResult {
  std::map<std::string, reference::Matrix> tensors;
  int64_t bytes = 0;  // sent within the tensor group, by all ranks together
};

// Collects the ranks' parts; used by all of their threads.
class Assembly {
 public:
  // Adds `part` to rows and columns from (row, col) of a [rows, cols] tensor:
  // parts do not overlap, or are sums.
  void Add(const std::string& name, const Shape& whole, int64_t row,
           int64_t col, const reference::Matrix& part) {
    const std::lock_guard<std::mutex> lock(mutex_);
    reference::Matrix& sum = result_.tensors[name];
    if (sum.values.empty()) sum = reference::Matrix(whole.dim(0), whole.dim(1));
    for (int64_t r = 0; r < part.rows; ++r) {
      for (int64_t c = 0; c < part.cols; ++c) {
        sum.at(row + r, col + c) += part.at(r, c);
      }
    }
  }
  // All ranks have the same bits.
  void Same(const std::string& name, const reference::Matrix& whole) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto [it, inserted] = result_.tensors.emplace(name, whole);
    EXPECT_EQ(it->second.values, whole.values) << name;
  }
  void AddBytes(int64_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    result_.bytes += bytes;
  }
  const WholeResult& result() const { return result_; }

 private:
  std::mutex mutex_;
  WholeResult result_;
};

// One rank of the group, as seen by the test's body.
class TensorRank {
 public:
  TensorRank(TestRank& rank, const TensorLayout& layout, Assembly& assembly)
      : rank_(rank), layout_(layout), assembly_(assembly) {
    auto arena = Arena::Create(rank.device, 16 << 20);
    COG_CHECK_OK(arena.status());
    arena_ = std::make_unique<Arena>(*std::move(arena));
    if (layout.ranks == 1) return;
    parallel_ = {.tensor = rank.world.get(),
                 .tensor_stream = rank.communication.get(),
                 .sequence_parallel = layout.sequence_parallel};
    if (layout.kv_heads > 0 && layout.kv_heads < layout.ranks) {
      MakeKeyValueGroup();
    }
  }

  ParamRegistry Registry() {
    return {params_, params_.AddUnit("unit"), parallel_};
  }
  LayerContext Context() {
    return {.stream = *rank_.compute,
            .arena = *arena_,
            .params = params_,
            .dtype = layout_.dtype,
            .parallel = parallel_};
  }
  ParamStore& params() { return params_; }
  Device& device() { return rank_.device; }
  Stream& stream() { return *rank_.compute; }
  const ModelParallel& parallel() const { return parallel_; }

  // Ends the registration and fills in the weights.
  void AllocateParams() {
    COG_CHECK_OK(params_.Allocate({.device = rank_.device,
                                   .stream = *rank_.compute,
                                   .precision = layout_.dtype}));
    for (const ParamStore::Tensor& tensor : params_.tensors()) {
      const NamedTensor& named = tensor.named;
      const reference::Matrix whole =
          Whole(named.name, named.shape, tensor.init);
      const auto [row, col] = PartBegin(named);
      const Shape part = Matrix2(named.held_shape());
      std::vector<float> to(tensor.range.count);
      for (int64_t i = 0; i < tensor.range.count; ++i) {
        to[i] = whole.at(row + i / part.dim(1), col + i % part.dim(1));
      }
      params_.Write(*rank_.compute, tensor, 0, to);
    }
  }

  // The held rows of a [rows, width] tensor of normal numbers.
  TensorView Input(const std::string& name, int64_t rows, int64_t width) {
    const TensorView held =
        Context().Activation(parallel_.HeldRows(rows).count, width);
    return Fill(held, name, {rows, width}, parallel_.HeldRows(rows).begin, 0);
  }
  // Some columns of all rows.
  TensorView InputColumns(const std::string& name, const Shape& whole,
                          ElementRange columns) {
    const TensorView x = Context().Activation(whole.dim(0), columns.count);
    return Fill(x, name, whole, 0, columns.begin);
  }
  ShardedRows ShardedInput(const std::string& name, int64_t rows,
                           int64_t width) {
    return {.rows = rows, .held = Input(name, rows, width)};
  }
  // Memory for results.
  TensorView Held(int64_t rows, int64_t width) {
    return Context().Activation(parallel_.HeldRows(rows).count, width);
  }

  // Reports the held rows of a result of `rows` rows.
  void Output(const std::string& name, TensorView held, int64_t rows) {
    if (!parallel_.shards_rows()) return assembly_.Same(name, Read(held));
    assembly_.Add(name, {rows, held.dim(1)}, parallel_.HeldRows(rows).begin, 0,
                  Read(held));
  }
  void OutputColumns(const std::string& name, TensorView part,
                     int64_t all_columns, ElementRange columns) {
    assembly_.Add(name, {part.dim(0), all_columns}, 0, columns.begin,
                  Read(part));
  }
  // Reports a result that all ranks have.
  void OutputEverywhere(const std::string& name, TensorView x) {
    assembly_.Same(name, Read(x));
  }
  // What this rank has of n columns or rows.
  ElementRange Part(int64_t n) const { return parallel_.TensorPart(n); }

  // Reports gradients and traffic.
  void Finish() {
    rank_.compute->Synchronize();
    rank_.communication->Synchronize();
    for (const ParamStore::Tensor& tensor : params_.tensors()) {
      const NamedTensor& named = tensor.named;
      const reference::Matrix gradient = Read(
          params_.gradients(tensor.range).Reshape(Matrix2(named.held_shape())));
      const std::string name = absl::StrCat("d ", named.name);
      if (named.copies.group != nullptr && !named.copies.partial_gradients) {
        assembly_.Same(name, gradient);
      } else {
        const auto [row, col] = PartBegin(named);
        assembly_.Add(name, Matrix2(named.shape), row, col, gradient);
      }
    }
    assembly_.AddBytes(rank_.world->traffic().data_bytes);
  }

 private:
  static Shape Matrix2(const Shape& shape) {
    return shape.rank() == 1 ? Shape{1, shape.dim(0)} : shape;
  }
  static std::pair<int64_t, int64_t> PartBegin(const NamedTensor& named) {
    const int64_t begin = named.held.has_value() ? named.held->begin : 0;
    return named.sharded_dim == 0 ? std::pair{begin, int64_t{0}}
                                  : std::pair{int64_t{0}, begin};
  }

  static reference::Matrix Whole(const std::string& name, const Shape& shape,
                                 const ParamInit& init) {
    const bool normal = init.kind == ParamInit::Kind::kNormal;
    std::vector<float> values(shape.num_elements());
    Rng(7, name).FillNormal(absl::MakeSpan(values), 0, normal ? init.std : 0.3);
    const Shape whole = Matrix2(shape);
    reference::Matrix matrix(whole.dim(0), whole.dim(1));
    for (size_t i = 0; i < values.size(); ++i) {
      matrix.values[i] = values[i] + (normal ? 0 : 1);
    }
    return matrix;
  }

  TensorView Fill(TensorView x, const std::string& name, const Shape& shape,
                  int64_t row, int64_t col) {
    const reference::Matrix whole =
        Whole(name, shape, {ParamInit::Kind::kNormal, 1});
    std::vector<float> values(x.num_elements());
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = whole.at(row + i / x.dim(1), col + i % x.dim(1));
    }
    Cast(*rank_.compute,
         {.to = x, .from = TensorView::Of(values.data(), x.shape)});
    return x;
  }

  reference::Matrix Read(TensorView x) {
    rank_.compute->Synchronize();
    std::vector<float> values(x.num_elements());
    Cast(*rank_.compute,
         {.to = TensorView::Of(values.data(), x.shape), .from = x});
    reference::Matrix matrix(x.dim(0), x.shape.rank() == 1 ? 1 : x.dim(1));
    std::copy(values.begin(), values.end(), matrix.values.begin());
    return matrix;
  }

  // Ranks with the same key/value head stand side by side.
  void MakeKeyValueGroup() {
    const int copies = layout_.ranks / layout_.kv_heads;
    std::vector<int> members;
    for (int i = 0; i < copies; ++i) {
      members.push_back(rank_.rank / copies * copies + i);
    }
    auto group = rank_.world->Split(members);
    COG_CHECK_OK(group.status());
    kv_copies_ = *std::move(group);
    parallel_.kv_copies = kv_copies_.get();
  }

  TestRank& rank_;
  TensorLayout layout_;
  Assembly& assembly_;
  std::unique_ptr<Communicator> kv_copies_;
  ModelParallel parallel_;
  std::unique_ptr<Arena> arena_;
  ParamStore params_;
};

inline WholeResult RunTensorRanks(
    const TensorLayout& layout, const std::function<void(TensorRank&)>& body) {
  Assembly assembly;
  RunRanks(layout.ranks, [&](TestRank& self) {
    TensorRank rank(self, layout, assembly);
    body(rank);
    rank.Finish();
  });
  return assembly.result();
}

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_MODELS_TENSOR_RANKS_H_
