// A block over sequences that context groups of threads share, against the same
// block on one rank: values, gradients, and the bytes that are sent.

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/rope.h"
#include "models/block.h"
#include "models/init.h"
#include "parallel/context/zigzag.h"
#include "tests/models/layer_harness.h"
#include "tests/testing/rank_threads.h"

namespace cogdist {
namespace {

using reference::Matrix;
using testing::RunRanks;
using testing::TestRank;

constexpr int64_t kBatch = 2, kSeq = 24, kRows = kBatch * kSeq;
constexpr int64_t kHidden = 20, kHeads = 4, kKvHeads = 2, kHeadDim = 6;

// Of whole sequences; gradients of parameters are summed over the ranks.
struct Result {
  Matrix y = Matrix(kRows, kHidden);
  Matrix dx = Matrix(kRows, kHidden);
  std::map<std::string, std::vector<double>> gradients;
  int64_t bytes = 0;  // sent by each rank
};

struct Case {
  Recompute recompute = Recompute::kNothing;
  std::vector<int32_t> document_start;  // [kBatch, kSeq] or empty
};

// Rows of a whole activation that a rank holds.
std::vector<int64_t> RowsOf(absl::Span<const Piece> pieces) {
  std::vector<int64_t> rows;
  for (int64_t b = 0; b < kBatch; ++b) {
    for (const Piece& piece : pieces) {
      for (int64_t t = 0; t < piece.length; ++t) {
        rows.push_back(b * kSeq + piece.offset + t);
      }
    }
  }
  return rows;
}

class ContextRank {
 public:
  ContextRank(TestRank& self, const Case& c)
      : self_(self),
        parallel_{.context = self.world.get(),
                  .context_stream = self.communication.get()},
        pieces_(ZigzagPieces(kSeq, self.size, self.rank)),
        rows_(RowsOf(pieces_)),
        recompute_(c.recompute),
        document_start_(c.document_start.size() / self.size),
        table_(RopeTable(kSeq, kHeadDim, 100)),
        block_({params_, params_.AddUnit("u"), parallel_}, "b",
               {.hidden = kHidden,
                .heads = kHeads,
                .kv_heads = kKvHeads,
                .head_dim = kHeadDim,
                .init_std = 0.4,
                .output_init_std = 0.3},
               {.hidden = kHidden,
                .ffn = 37,
                .init_std = 0.4,
                .output_init_std = 0.3},
               1e-6) {
    GatherPieces(absl::MakeSpan(document_start_), c.document_start, pieces_);
    COG_CHECK_OK(params_.Allocate({.device = self.device,
                                   .stream = *self.compute,
                                   .precision = DType::kFloat32}));
    InitializeParameters(params_, *self.compute, 7);
  }

  void Run(Result& result, std::mutex& mutex) {
    auto arena = Arena::Create(self_.device, 16 << 20);
    COG_CHECK_OK(arena.status());
    const LayerContext ctx = {.stream = *self_.compute,
                              .arena = *arena,
                              .params = params_,
                              .dtype = DType::kFloat32,
                              .parallel = parallel_};
    const int64_t rows = rows_.size();
    const Block::Shared shared = {.delta = ctx.Activation(rows, kHidden),
                                  .middle = ctx.Activation(rows, kHidden),
                                  .normed = ctx.Activation(rows, kHidden)};
    ResidualStream stream = {.x = Input(ctx, 1), .delta = Input(ctx, 2)};
    const TensorView d = Input(ctx, 3);
    const Block::Saved saved =
        block_.Forward(ctx, stream, shared, Layout(), recompute_);
    self_.compute->Synchronize();
    const Matrix x = LayerHarness::ToReference(stream.x);
    const Matrix delta = LayerHarness::ToReference(stream.delta);
    block_.Backward(ctx, d, saved, shared, Layout());
    self_.compute->Synchronize();
    const Matrix dx = LayerHarness::ToReference(d);
    const std::lock_guard<std::mutex> lock(mutex);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t h = 0; h < kHidden; ++h) {
        result.y.at(rows_[i], h) = x.at(i, h) + delta.at(i, h);
        result.dx.at(rows_[i], h) = dx.at(i, h);
      }
    }
    for (const ParamStore::Tensor& tensor : params_.tensors()) {
      std::vector<double>& sum = result.gradients[tensor.named.name];
      sum.resize(tensor.range.count);
      const float* const part = params_.gradients(tensor.range).Data<float>();
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
    }
    result.bytes = self_.world->traffic().data_bytes;
  }

 private:
  TensorView Input(const LayerContext& ctx, uint64_t seed) const {
    std::vector<float> whole(kRows * kHidden);
    Rng(seed, "input").FillNormal(absl::MakeSpan(whole), 0, 1);
    const TensorView x = ctx.Activation(rows_.size(), kHidden);
    for (size_t i = 0; i < rows_.size(); ++i) {
      std::copy_n(&whole[rows_[i] * kHidden], kHidden,
                  x.Data<float>() + i * kHidden);
    }
    return x;
  }

  SequenceLayout Layout() const {
    const int64_t seq = kSeq / self_.size;
    SequenceLayout layout = {
        .batch = kBatch,
        .seq = seq,
        .pieces = pieces_,
        .rope_table = TensorView::Of(table_.data(), {2, kSeq, kHeadDim / 2})};
    if (!document_start_.empty()) {
      layout.document_start =
          TensorView::Of(document_start_.data(), {kBatch, seq});
    }
    return layout;
  }

  TestRank& self_;
  const ModelParallel parallel_;
  const std::vector<Piece> pieces_;
  const std::vector<int64_t> rows_;
  const Recompute recompute_;
  std::vector<int32_t> document_start_;
  const std::vector<float> table_;
  ParamStore params_;
  const Block block_;
};

Result RunBlock(const Case& c, int ranks) {
  Result result;
  std::mutex mutex;
  RunRanks(ranks,
           [&](TestRank& self) { ContextRank(self, c).Run(result, mutex); });
  return result;
}

void Compare(const Case& c) {
  const Result expected = RunBlock(c, 1);
  EXPECT_EQ(expected.bytes, 0);
  for (const int ranks : {2, 3, 4}) {
    const Result result = RunBlock(c, ranks);
    EXPECT_LE(Distance(result.y, expected.y), 1e-5);
    EXPECT_LE(Distance(result.dx, expected.dx), 1e-5);
    ASSERT_EQ(result.gradients.size(), expected.gradients.size());
    for (const auto& [name, gradient] : expected.gradients) {
      const std::vector<double>& sum = result.gradients.at(name);
      double error = 0, norm = 0;
      for (size_t i = 0; i < gradient.size(); ++i) {
        error += std::pow(sum[i] - gradient[i], 2);
        norm += std::pow(gradient[i], 2);
      }
      EXPECT_LE(std::sqrt(error / norm), 1e-5) << name;
    }
    // f K of parallel/context/ring_attention.h; a recomputed block runs its
    // forward pass twice.
    const int64_t fk =
        kBatch * kSeq * kKvHeads * kHeadDim * (ranks - 1) / ranks;
    const int forwards = c.recompute == Recompute::kBlock ? 2 : 1;
    EXPECT_EQ(result.bytes, (forwards + 1) * 2 * fk * 4 + 8 * fk);
  }
}

TEST(ContextParallelTest, Block) { Compare({}); }

TEST(ContextParallelTest, SelectiveRecomputationSendsNoMore) {
  Compare({.recompute = Recompute::kSelective});
}

TEST(ContextParallelTest, FullRecomputation) {
  Compare({.recompute = Recompute::kBlock});
}

TEST(ContextParallelTest, Documents) {
  Case c;
  for (int64_t b = 0; b < kBatch; ++b) {
    for (int64_t t = 0; t < kSeq; ++t) {
      c.document_start.push_back(t < 6 ? 0 : t < 11 + b ? 6 : 11 + b);
    }
  }
  Compare(c);
}

}  // namespace
}  // namespace cogdist
