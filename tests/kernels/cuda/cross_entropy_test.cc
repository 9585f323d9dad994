#include "kernels/cuda/cross_entropy_launch.h"

#include "tests/kernels/cuda/gpu_test.h"

namespace cogdist {
namespace {

class CudaCrossEntropyTest : public GpuTest {
 protected:
  void Draw(uint64_t seed) {
    CaseDice dice(seed);
    Begin(seed);
    type_ = dice.FloatType();
    rows_ = dice.Between(1, 4);
    columns_ = dice.OneOf<int64_t>({1, 3, 64, 257, 2056});
    const double scale = dice.OneOf({1.0, 1e4});  // no overflow
    logits_.emplace_back(
        RandomTensor(DType::kFloat32, {rows_, columns_}, seed, scale));
    targets_.resize(rows_);
    for (int32_t& target : targets_) target = dice.Between(-1, columns_ - 1);
    with_gradient_ = dice.Flip();
    in_place_ = type_ == DType::kFloat32 && dice.Flip();
    // From the formulas.
    loss_.assign(rows_, 0);
    gradient_.assign(rows_ * columns_, 0);
    for (int64_t row = 0; row < rows_; ++row) AddRow(row);
  }
  void AddRow(int64_t row) {
    if (targets_[row] < 0) return;
    const auto logit = [&](int64_t i) {
      return logits().Get(row * columns_ + i);
    };
    double max = logit(0), sum = 0;
    for (int64_t i = 0; i < columns_; ++i) max = std::max(max, logit(i));
    for (int64_t i = 0; i < columns_; ++i) sum += std::exp(logit(i) - max);
    loss_[row] = std::log(sum) + max - logit(targets_[row]);
    for (int64_t i = 0; i < columns_; ++i) {
      gradient_[row * columns_ + i] =
          kScale * (std::exp(logit(i) - max) / sum - (i == targets_[row]));
    }
  }
  const HostTensor& logits() const { return logits_.back(); }

  // Tensors of a launch over columns [begin, end).
  cuda::CrossEntropyLaunch Prepare(int64_t begin, int64_t end) {
    const int64_t columns = end - begin;
    HostTensor part(DType::kFloat32, {rows_, columns});
    for (int64_t i = 0; i < rows_ * columns; ++i) {
      part.Set(i, logits().Get(i / columns * columns_ + begin + i % columns));
    }
    cuda::CrossEntropyLaunch args = {.loss = Allocate<float>(rows_, "loss"),
                                     .logits = UploadFloats(part, "logits"),
                                     .targets = Upload(targets_, "targets"),
                                     .rows = rows_,
                                     .columns = columns,
                                     .first_id = begin,
                                     .gradient_scale = kScale,
                                     .type = ElementTypeOf(type_)};
    if (with_gradient_) {
      args.dlogits = in_place_ ? const_cast<float*>(args.logits)
                               : Allocate(type_, rows_ * columns, "dlogits");
    }
    return args;
  }
  void Expect(const cuda::CrossEntropyLaunch& args) {
    EXPECT_LE(RelativeError(DownloadFloats(args.loss, rows_), loss_), 2e-6);
    if (args.dlogits == nullptr) return;
    const Doubles found =
        Download(type_, {rows_, args.columns}, args.dlogits).values();
    Doubles expected(found.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      expected[i] = gradient_[i / args.columns * columns_ + args.first_id +
                              i % args.columns];
    }
    // Relative to the scale: one column alone may have nothing but rounding.
    double error = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      error = std::max(error, std::abs(found[i] - expected[i]));
    }
    EXPECT_LE(error, kScale * (type_ == DType::kFloat32 ? 2e-6 : 4e-3));
  }

  static constexpr float kScale = 0.25f;
  DType type_;
  int64_t rows_, columns_;
  std::vector<HostTensor> logits_;
  std::vector<int32_t> targets_;
  bool with_gradient_, in_place_;
  Doubles loss_, gradient_;
};

TEST_F(CudaCrossEntropyTest, WholeVocabulary) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Draw(seed);
    const cuda::CrossEntropyLaunch args = Prepare(0, columns_);
    cuda::LaunchCrossEntropy(stream(), args);
    Expect(args);
    ExpectClean();
  }
}

// Two ranks with parts of the vocabulary, one of which may be empty.
TEST_F(CudaCrossEntropyTest, VocabularyInParts) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Draw(seed);
    const int64_t border = CaseDice(seed + 77).Between(0, columns_);
    cuda::CrossEntropyLaunch ranks[] = {Prepare(0, border),
                                        Prepare(border, columns_)};
    Doubles max(rows_, -INFINITY), sums(2 * rows_);
    for (cuda::CrossEntropyLaunch& rank : ranks) {
      rank.max = Allocate<float>(rows_, "max");
      cuda::LaunchCrossEntropyMax(stream(), rank);
      const Doubles part = DownloadFloats(rank.max, rows_);
      for (int64_t i = 0; i < rows_; ++i) max[i] = std::max(max[i], part[i]);
    }
    for (cuda::CrossEntropyLaunch& rank : ranks) {
      rank.max =
          UploadFloats(HostTensor(DType::kFloat32, {rows_}, max), "whole max");
      rank.sums = Allocate<float>(2 * rows_, "sums");
      cuda::LaunchCrossEntropyStats(stream(), rank);
      sums = Sum(sums, DownloadFloats(rank.sums, 2 * rows_));
    }
    for (cuda::CrossEntropyLaunch& rank : ranks) {
      rank.sums = UploadFloats(HostTensor(DType::kFloat32, {2 * rows_}, sums),
                               "whole sums");
      cuda::LaunchCrossEntropyFinish(stream(), rank);
      Expect(rank);
    }
    ExpectClean();
  }
}

}  // namespace
}  // namespace cogdist
