#include "kernels/cross_entropy.h"

#include <limits>

#include "runtime/meta/meta_device.h"
#include "tests/kernels/kernel_test.h"

namespace cogdist {
namespace {

double ReferenceLoss(const Doubles& logits, int64_t vocab, int64_t row,
                     int32_t target) {
  if (target < 0) return 0;
  const double* const x = logits.data() + row * vocab;
  const double maximum = *std::max_element(x, x + vocab);
  double sum = 0;
  for (int64_t i = 0; i < vocab; ++i) sum += std::exp(x[i] - maximum);
  return maximum + std::log(sum) - x[target];
}

class CrossEntropyTest : public KernelTest {};

TEST_F(CrossEntropyTest, LossAndGradientAgainstFloat64) {
  for (const int64_t vocab : {1, 2, 15, 16, 47, 64}) {
    std::vector<int32_t> targets = {0, static_cast<int32_t>(vocab - 1), -1,
                                    static_cast<int32_t>(vocab / 2)};
    const TensorView target_view = TensorView::Of(targets.data(), {4});
    const Shape shape = {4, vocab};
    const HostTensor logits = RandomTensor(DType::kFloat32, shape, 1, 4);
    Doubles losses;
    for (int64_t row = 0; row < 4; ++row) {
      losses.push_back(
          ReferenceLoss(logits.values(), vocab, row, targets[row]));
    }
    const Doubles gradient = NumericGradient(
        [&](const Doubles& at) {
          double sum = 0;
          for (int64_t row = 0; row < 4; ++row) {
            sum += 0.5 * ReferenceLoss(at, vocab, row, targets[row]);
          }
          return sum;
        },
        logits.values());
    ForEachTarget([&] {
      const HostTensor evaluated(DType::kFloat32, {4});
      CrossEntropyArgs args = {.loss = evaluated,
                               .logits = logits,
                               .targets = target_view,
                               .gradient_scale = 0.5f};
      CrossEntropy(stream_, args);
      EXPECT_LE(RelativeError(evaluated.values(), losses), 1e-6);
      for (const DType dtype : {DType::kBFloat16, DType::kFloat32}) {
        const HostTensor loss(DType::kFloat32, {4}), dlogits(dtype, shape);
        args.loss = loss;
        args.dlogits = dlogits;
        CrossEntropy(stream_, args);
        EXPECT_EQ(loss.values(), evaluated.values());
        EXPECT_LE(RelativeError(dlogits.values(), gradient), Tolerance(dtype));
      }
      const HostTensor in_place(DType::kFloat32, shape, logits.values());
      args.loss = evaluated;
      args.logits = args.dlogits = in_place;
      CrossEntropy(stream_, args);
      EXPECT_LE(RelativeError(in_place.values(), gradient), 1e-6);
      EXPECT_EQ(evaluated.values()[2], 0);
    });
  }
}

TEST_F(CrossEntropyTest, LargeLogitsDoNotOverflow) {
  const HostTensor logits(DType::kFloat32, {2, 3},
                          {1e4, 0, -1e4, -1e30, -1e30, -1e30});
  std::vector<int32_t> targets = {1, 2};
  const HostTensor loss(DType::kFloat32, {2}), d(DType::kFloat32, {2, 3});
  CrossEntropy(stream_, {.loss = loss,
                         .dlogits = d,
                         .logits = logits,
                         .targets = TensorView::Of(targets.data(), {2})});
  EXPECT_EQ(loss.Get(0), 1e4);
  EXPECT_NEAR(loss.Get(1), std::log(3.0), 1e-6);
  EXPECT_EQ(d.values()[0], 1);
  EXPECT_EQ(d.values()[1], -1);
  EXPECT_NEAR(d.values()[5], -2.0 / 3, 1e-6);
}

TEST_F(CrossEntropyTest, NonFiniteLogitsShowInTheLoss) {
  const float kNan = std::numeric_limits<float>::quiet_NaN();
  const float kInfinity = std::numeric_limits<float>::infinity();
  for (const float bad : {kNan, kInfinity}) {
    for (const int64_t place : {0, 5, 17, 18}) {
      const HostTensor logits = RandomTensor(DType::kFloat32, {1, 19}, 1);
      logits.view().Data<float>()[place] = bad;
      std::vector<int32_t> targets = {3};
      ForEachTarget([&] {
        const HostTensor loss(DType::kFloat32, {1});
        CrossEntropy(stream_, {.loss = loss,
                               .logits = logits,
                               .targets = TensorView::Of(targets.data(), {1})});
        EXPECT_FALSE(std::isfinite(loss.Get(0))) << bad << " at " << place;
      });
    }
  }
}

TEST_F(CrossEntropyTest, WideVocabularyIsAccurate) {
  const int64_t vocab = 50257;
  const HostTensor logits = RandomTensor(DType::kFloat32, {1, vocab}, 1);
  std::vector<int32_t> targets = {50000};
  const HostTensor loss(DType::kFloat32, {1}), d(DType::kBFloat16, {1, vocab});
  CrossEntropy(stream_, {.loss = loss,
                         .dlogits = d,
                         .logits = logits,
                         .targets = TensorView::Of(targets.data(), {1})});
  EXPECT_NEAR(loss.Get(0), ReferenceLoss(logits.values(), vocab, 0, 50000),
              1e-5);
}

TEST_F(CrossEntropyTest, MetaDeviceRecordsTheWorkspace) {
  MetaDevice meta;
  const std::unique_ptr<Stream> planned = meta.CreateStream();
  const HostTensor logits = RandomTensor(DType::kFloat32, {3, 100}, 1);
  const HostTensor loss(DType::kFloat32, {3}), d(DType::kBFloat16, {3, 100});
  std::vector<int32_t> targets = {1, 2, 3};
  const CrossEntropyArgs args = {
      .loss = loss,
      .dlogits = d,
      .logits = logits,
      .targets = TensorView::Of(targets.data(), {3})};
  CrossEntropy(*planned, args);
  CrossEntropy(stream_, args);
  EXPECT_EQ(planned->workspace_bytes(), stream_.workspace_bytes());
}

TEST_F(CrossEntropyTest, TargetsBehindTheVocabularyAreABug) {
  const HostTensor logits(DType::kFloat32, {1, 4}), loss(DType::kFloat32, {1});
  std::vector<int32_t> targets = {4};
  EXPECT_DEATH(
      CrossEntropy(stream_, {.loss = loss,
                             .logits = logits,
                             .targets = TensorView::Of(targets.data(), {1})}),
      "4 vs 4");
}

}  // namespace
}  // namespace cogdist
