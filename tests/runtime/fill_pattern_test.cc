#include "runtime/fill_pattern.h"

#include <vector>

#include "gmock/gmock.h"
#include "runtime/cpu/cpu_device.h"

namespace cogdist {
namespace {

using ::testing::ElementsAre;

TEST(FillPatternTest, RepeatsAndCutsThePattern) {
  CpuDevice device;
  const auto stream = device.CreateStream();
  std::vector<int32_t> values(8, -1);
  FillPattern<int32_t>(*stream, TensorView::Of(values.data(), {7}), {1, 2, 3});
  stream->Synchronize();
  EXPECT_THAT(values, ElementsAre(1, 2, 3, 1, 2, 3, 1, -1));
}

TEST(FillPatternTest, APatternMayBeLonger) {
  CpuDevice device;
  const auto stream = device.CreateStream();
  std::vector<float> values(3, -1);
  FillPattern<float>(*stream, TensorView::Of(values.data(), {2}), {1, 2, 3});
  stream->Synchronize();
  EXPECT_THAT(values, ElementsAre(1, 2, -1));
}

}  // namespace
}  // namespace cogdist
