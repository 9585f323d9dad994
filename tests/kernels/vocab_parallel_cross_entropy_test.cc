// The stages of cross-entropy over a vocabulary that is cut into shards, with
// the all-reduces done by hand.

#include <algorithm>
#include <limits>

#include "kernels/cross_entropy.h"
#include "runtime/meta/meta_device.h"
#include "tests/kernels/kernel_test.h"

namespace cogdist {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Loss and gradient in float64.
struct Reference {
  Reference(const HostTensor& logits, const std::vector<int32_t>& targets,
            double scale) {
    const int64_t vocab = logits.view().dim(1);
    for (size_t row = 0; row < targets.size(); ++row) {
      Doubles x(vocab);
      for (int64_t j = 0; j < vocab; ++j) x[j] = logits.Get(row * vocab + j);
      const double maximum = *std::max_element(x.begin(), x.end());
      double sum = 0;
      for (const double value : x) sum += std::exp(value - maximum);
      const bool counts = targets[row] >= 0;
      loss.push_back(counts ? maximum + std::log(sum) - x[targets[row]] : 0);
      for (int64_t j = 0; j < vocab; ++j) {
        const double softmax = std::exp(x[j] - maximum) / sum;
        const double onehot = targets[row] == j ? 1 : 0;
        dlogits.push_back(counts ? scale * (softmax - onehot) : 0);
      }
    }
  }

  Doubles loss, dlogits;
};

class VocabParallelCrossEntropyTest : public KernelTest {
 protected:
  static constexpr float kScale = 0.25f;

  // A rank's columns and results.
  struct Shard {
    Shard(const HostTensor& whole, int64_t begin, int64_t end, DType dtype)
        : first_id(begin),
          logits(DType::kFloat32, {whole.view().dim(0), end - begin}),
          dlogits(dtype, logits.view().shape),
          loss(DType::kFloat32, {whole.view().dim(0)}),
          max(DType::kFloat32, loss.view().shape),
          sums(DType::kFloat32, {2, whole.view().dim(0)}) {
      const int64_t rows = whole.view().dim(0), vocab = whole.view().dim(1);
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t j = begin; j < end; ++j) {
          logits.Set(row * (end - begin) + j - begin,
                     whole.Get(row * vocab + j));
        }
      }
    }

    int64_t first_id;
    HostTensor logits, dlogits, loss, max, sums;
  };

  // Runs all stages on shards that end at `ends`; `in_place`: the gradient
  // overwrites the logits.
  std::vector<Shard> Run(const HostTensor& logits,
                         const std::vector<int32_t>& targets,
                         const std::vector<int64_t>& ends, DType dtype,
                         bool in_place = false) {
    std::vector<Shard> shards;
    int64_t begin = 0;
    for (const int64_t end : ends) {
      shards.emplace_back(logits, begin, end, dtype);
      begin = end;
    }
    const int64_t rows = targets.size();
    const TensorView target_view = TensorView::Of(targets.data(), {rows});
    for (Shard& shard : shards) {
      CrossEntropyMax(stream_, {.max = shard.max, .logits = shard.logits});
    }
    AllReduce(shards, &Shard::max,
              [](double x, double y) { return std::max(x, y); });
    for (Shard& shard : shards) {
      CrossEntropyStats(stream_, {.sums = shard.sums,
                                  .logits = shard.logits,
                                  .max = shard.max,
                                  .targets = target_view,
                                  .first_id = shard.first_id});
    }
    AllReduce(shards, &Shard::sums, std::plus<double>());
    for (Shard& shard : shards) {
      CrossEntropyFinish(stream_,
                         {.loss = shard.loss,
                          .dlogits = in_place ? shard.logits : shard.dlogits,
                          .logits = shard.logits,
                          .max = shard.max,
                          .sums = shard.sums,
                          .targets = target_view,
                          .first_id = shard.first_id,
                          .gradient_scale = kScale});
    }
    return shards;
  }

  // The shards' gradients side by side.
  static Doubles Gradient(const std::vector<Shard>& shards, bool in_place) {
    Doubles result;
    const int64_t rows = shards[0].loss.view().dim(0);
    for (int64_t row = 0; row < rows; ++row) {
      for (const Shard& shard : shards) {
        const HostTensor& d = in_place ? shard.logits : shard.dlogits;
        const int64_t columns = d.view().dim(1);
        for (int64_t j = 0; j < columns; ++j) {
          result.push_back(d.Get(row * columns + j));
        }
      }
    }
    return result;
  }

 private:
  template <typename F>
  static void AllReduce(std::vector<Shard>& shards, HostTensor Shard::*tensor,
                        const F& f) {
    for (int64_t i = 0; i < (shards[0].*tensor).view().num_elements(); ++i) {
      double result = (shards[0].*tensor).Get(i);
      for (size_t s = 1; s < shards.size(); ++s) {
        result = f(result, (shards[s].*tensor).Get(i));
      }
      for (Shard& shard : shards) (shard.*tensor).Set(i, result);
    }
  }
};

TEST_F(VocabParallelCrossEntropyTest, ShardsOfAnySizeAgainstFloat64) {
  const std::vector<int32_t> targets = {0, 36, -1, 16, 17, 30, -100};
  const HostTensor logits = RandomTensor(DType::kFloat32, {7, 37}, 1, 4);
  const Reference reference(logits, targets, kScale);
  const std::vector<std::vector<int64_t>> cuts = {
      {37}, {17, 37}, {0, 37}, {37, 37}, {1, 17, 17, 36, 37}};
  ForEachTarget([&] {
    for (const std::vector<int64_t>& ends : cuts) {
      for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
        const std::vector<Shard> shards = Run(logits, targets, ends, dtype);
        for (const Shard& shard : shards) {
          EXPECT_LE(RelativeError(shard.loss.values(), reference.loss), 1e-6);
          EXPECT_EQ(shard.loss.bytes(), shards[0].loss.bytes());
          EXPECT_EQ(shard.loss.Get(2), 0);
        }
        EXPECT_LE(RelativeError(Gradient(shards, false), reference.dlogits),
                  Tolerance(dtype));
      }
      const std::vector<Shard> in_place =
          Run(logits, targets, ends, DType::kFloat32, /*in_place=*/true);
      EXPECT_LE(RelativeError(Gradient(in_place, true), reference.dlogits),
                1e-6);
    }
  });
}

TEST_F(VocabParallelCrossEntropyTest, OneShardHasTheBitsOfTheFusedKernel) {
  const std::vector<int32_t> targets = {0, 99, -1, 50};
  const HostTensor logits = RandomTensor(DType::kFloat32, {4, 100}, 2, 5);
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    const HostTensor loss(DType::kFloat32, {4}), dlogits(dtype, {4, 100});
    CrossEntropy(stream_, {.loss = loss,
                           .dlogits = dlogits,
                           .logits = logits,
                           .targets = TensorView::Of(targets.data(), {4}),
                           .gradient_scale = kScale});
    const std::vector<Shard> shards = Run(logits, targets, {100}, dtype);
    EXPECT_EQ(shards[0].loss.bytes(), loss.bytes());
    EXPECT_EQ(shards[0].dlogits.bytes(), dlogits.bytes());
  }
}

TEST_F(VocabParallelCrossEntropyTest, HugeLogits) {
  const HostTensor logits(DType::kFloat32, {3, 4},
                          {1e4, 0, -1e4, 1, -1e30, -1e30, -1e30, -1e30,  //
                           -kInfinity, -kInfinity, 2, 2});
  const std::vector<int32_t> targets = {1, 2, 3};
  const std::vector<Shard> shards =
      Run(logits, targets, {2, 4}, DType::kFloat32);
  EXPECT_EQ(shards[1].loss.Get(0), 1e4);
  EXPECT_NEAR(shards[1].loss.Get(1), std::log(4.0), 1e-6);
  EXPECT_NEAR(shards[1].loss.Get(2), std::log(2.0), 1e-6);
  const Doubles d = Gradient(shards, false);
  EXPECT_EQ(d[0], kScale);
  EXPECT_EQ(d[1], -kScale);
  EXPECT_NEAR(d[6], -0.75 * kScale, 1e-6);
  EXPECT_EQ(d[8], 0);
  EXPECT_NEAR(d[11], -0.5 * kScale, 1e-6);
}

TEST_F(VocabParallelCrossEntropyTest, NonFiniteLogitsShowInEveryLoss) {
  const float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {kNan, kInfinity}) {
    for (const int64_t place : {0, 5, 17, 18}) {
      const HostTensor logits = RandomTensor(DType::kFloat32, {1, 19}, 1);
      logits.view().Data<float>()[place] = bad;
      ForEachTarget([&] {
        for (const Shard& shard :
             Run(logits, {3}, {7, 18, 19}, DType::kFloat32)) {
          EXPECT_FALSE(std::isfinite(shard.loss.Get(0))) << place;
        }
      });
    }
  }
}

TEST_F(VocabParallelCrossEntropyTest, EmptyShardHasNothingToSay) {
  const HostTensor logits(DType::kFloat32, {2, 3}, {1, 2, 3, 4, 5, 6});
  const Shard shard(logits, 1, 1, DType::kFloat32);
  shard.max.view().Data<float>()[0] = 7;
  CrossEntropyMax(stream_, {.max = shard.max, .logits = shard.logits});
  EXPECT_EQ(shard.max.values(), Doubles(2, -kInfinity));
}

TEST_F(VocabParallelCrossEntropyTest, EvaluationGivesTheSameLoss) {
  const HostTensor logits = RandomTensor(DType::kFloat32, {2, 20}, 1);
  const std::vector<int32_t> targets = {3, 19};
  const std::vector<Shard> shards =
      Run(logits, targets, {20}, DType::kBFloat16);
  const HostTensor evaluated(DType::kFloat32, {2});
  CrossEntropyFinish(stream_, {.loss = evaluated,
                               .logits = shards[0].logits,
                               .max = shards[0].max,
                               .sums = shards[0].sums,
                               .targets = TensorView::Of(targets.data(), {2})});
  EXPECT_EQ(evaluated.bytes(), shards[0].loss.bytes());
}

TEST_F(VocabParallelCrossEntropyTest, MetaDeviceRecordsTheWorkspace) {
  MetaDevice meta;
  const std::unique_ptr<Stream> planned = meta.CreateStream();
  const HostTensor logits = RandomTensor(DType::kFloat32, {3, 100}, 1);
  const std::vector<int32_t> targets = {1, 2, 3};
  const Shard shard(logits, 0, 100, DType::kBFloat16);
  const CrossEntropyFinishArgs args = {
      .loss = shard.loss,
      .dlogits = shard.dlogits,
      .logits = shard.logits,
      .max = shard.max,
      .sums = shard.sums,
      .targets = TensorView::Of(targets.data(), {3})};
  CrossEntropyFinish(*planned, args);
  CrossEntropyFinish(stream_, args);
  EXPECT_EQ(planned->workspace_bytes(), stream_.workspace_bytes());
}

}  // namespace
}  // namespace cogdist
