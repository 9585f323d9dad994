// The head computes in chunks of rows. (What it computes: layers_test.)

#include "models/lm_head.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/meta/meta_device.h"
#include "tests/models/layer_harness.h"

namespace cogdist {
namespace {

// So large that a CPU takes 64 rows at a time.
constexpr int64_t kVocab = 1 << 17, kHidden = 8;

LmHead HeadOf(int64_t vocab, int64_t hidden, ParamStore& params) {
  return LmHead(
      {params, params.AddUnit("u")},
      {.vocab = vocab, .hidden = hidden, .norm_eps = 1e-6, .init_std = 0.5});
}

struct Result {
  std::vector<float> loss, dx, gradients;
};

// Of 150 rows, in calls for `rows_at_a_time` each.
Result LossOf(int64_t rows_at_a_time) {
  constexpr int64_t kRows = 150;
  LayerHarness harness;
  const LmHead head = HeadOf(kVocab, kHidden, harness.params());
  harness.AllocateParams();
  const TensorView x = harness.Random(kRows, kHidden, 1);
  const TensorView delta = harness.Random(kRows, kHidden, 2);
  const TensorView dx = harness.Random(kRows, kHidden, 3);
  const TensorView loss = harness.Random(kRows, 1, 4).Reshape({kRows});
  std::vector<int32_t> targets(kRows);
  for (int64_t i = 0; i < kRows; ++i) targets[i] = i * 7919 % kVocab;
  const TensorView target_view = TensorView::Of(targets.data(), {kRows});
  for (int64_t begin = 0; begin < kRows; begin += rows_at_a_time) {
    const int64_t count = std::min(rows_at_a_time, kRows - begin);
    const auto part = [&](TensorView t) { return t.Slice(0, begin, count); };
    head.Loss(harness.Context(),
              {.loss = part(loss),
               .dx = part(dx),
               .stream = {.x = part(x), .delta = part(delta)},
               .targets = part(target_view),
               .gradient_scale = 0.25f});
  }
  const auto values = [](const TensorView& t) {
    return std::vector<float>(t.Data<float>(),
                              t.Data<float>() + t.num_elements());
  };
  Result result = {.loss = values(loss), .dx = values(dx)};
  for (const ParamStore::Tensor& tensor : harness.params().tensors()) {
    const std::vector<float> gradient =
        values(harness.params().gradients(tensor.range));
    result.gradients.insert(result.gradients.end(), gradient.begin(),
                            gradient.end());
  }
  return result;
}

TEST(LmHeadTest, ChunksAreCallsOfTheirOwn) {
  const Result at_once = LossOf(150), by_chunks = LossOf(64);
  EXPECT_EQ(at_once.loss, by_chunks.loss);
  EXPECT_EQ(at_once.dx, by_chunks.dx);
  // The norm's, of all rows at once, are summed in another order.
  ASSERT_EQ(at_once.gradients.size(), by_chunks.gradients.size());
  for (size_t i = 0; i < at_once.gradients.size(); ++i) {
    ASSERT_NEAR(at_once.gradients[i], by_chunks.gradients[i], 1e-4) << i;
  }
}

// Bytes that a head with 32,000 entries takes for a loss of 4,096 rows, on a
// device like `type`.
int64_t ScratchBytes(DeviceType type) {
  MetaDevice device(type);
  const std::unique_ptr<Stream> stream = device.CreateStream();
  constexpr int64_t kRows = 4096, kWidth = 64;
  ParamStore params;
  const LmHead head = HeadOf(32000, kWidth, params);
  COG_CHECK_OK(params.Allocate({.device = device, .stream = *stream}));
  Arena outside = Arena::ForPlanning(), arena = Arena::ForPlanning();
  const auto rows = [&] {
    return outside.Allocate(DType::kFloat32, {kRows, kWidth});
  };
  head.Loss({.stream = *stream,
             .arena = arena,
             .params = params,
             .dtype = DType::kFloat32},
            {.loss = outside.Allocate(DType::kFloat32, {kRows}),
             .dx = rows(),
             .stream = {.x = rows(), .delta = rows()},
             .targets = outside.Allocate(DType::kInt32, {kRows})});
  return arena.high_water_bytes();
}

// 256 rows' logits in float32, and 2,048.
TEST(LmHeadTest, GpusTakeMoreRowsAtATime) {
  EXPECT_EQ(ScratchBytes(DeviceType::kCuda) - ScratchBytes(DeviceType::kCpu),
            int64_t{2048 - 256} * 32000 * 4);
}

}  // namespace
}  // namespace cogdist
