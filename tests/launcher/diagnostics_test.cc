#include "launcher/diagnostics.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/cpu/cpu_device.h"

namespace cogdist {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

TEST(DiagnosticsTest, CountsAndRanges) {
  CpuDevice device;
  const std::unique_ptr<Stream> stream = device.CreateStream();
  ParamStore params;
  const ParamStore::UnitId unit = params.AddUnit("block");
  params.Add(unit, {.tensors = {{.name = "good", .shape = {4}}}});
  params.Add(unit, {.tensors = {{.name = "bad", .shape = {2, 2}}}});
  ASSERT_TRUE(params.Allocate({.device = device, .stream = *stream}).ok());
  const ParamStore::Range good = params.tensors()[0].range;
  const ParamStore::Range bad = params.tensors()[1].range;
  const float values[] = {1, -2, 2, 4};  // squares sum to 25
  std::copy_n(values, 4, params.master(good).Data<float>());
  float* const gradient = params.gradients(bad).Data<float>();
  gradient[1] = std::numeric_limits<float>::quiet_NaN();
  gradient[2] = -std::numeric_limits<float>::infinity();
  gradient[3] = 8;

  const std::string text = DescribeTensors(params, *stream, 9, 3);
  EXPECT_THAT(text,
              AllOf(HasSubstr("Rank 3 after step 9"),
                    ContainsRegex("0 of +4 +-2 +4 +2.5 +weight +good"),
                    ContainsRegex("2 of +4 +0 +8 +5.6569 +gradient +bad")));
  EXPECT_LT(text.find("gradient  bad"), text.find("weight    good"))
      << "what is not finite comes first";

  std::fill_n(gradient, 4, std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT(DescribeTensors(params, *stream, 9, 3),
              ContainsRegex("4 of +4 +- +- +- +gradient +bad"));
}

}  // namespace
}  // namespace cogdist
