#include "parallel/fault.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/bfloat16.h"
#include "runtime/cpu/cpu_device.h"

namespace cogdist {
namespace {

using testing::HasSubstr;

FaultInjection Injection(absl::string_view text) {
  const absl::StatusOr<FaultInjection> injection = FaultInjection::Parse(text);
  COG_CHECK_OK(injection.status());
  return *injection;
}

TEST(FaultTest, NoTextIsNoFault) {
  const FaultInjection none = Injection("");
  EXPECT_FALSE(none.rank().has_value());
  none.Reach(FaultPoint::kStep, 1, 0);
}

TEST(FaultTest, BadTextsNameWhatWouldBeRight) {
  const std::pair<const char*, const char*> cases[] = {
      {"kill", "four parts"},
      {"step:1:0:kill:9", "four parts"},
      {"nowhere:1:0:kill", "no point `nowhere`"},
      {"step:x:0:kill", "STEP is a number from 0 or *"},
      {"step:-1:0:kill", "STEP is a number from 0 or *"},
      {"step:1:*:kill", "RANK is a number from 0"},
      {"step:1:0:explode", "no action `explode`"},
      {"step:1:0:nan", "`nan` is for the point `gradient`"},
      {"gradient:1:0:flip", "`flip` is for the point `parameter`"}};
  for (const auto& [text, message] : cases) {
    const absl::Status status = FaultInjection::Parse(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("POINT:STEP:RANK:ACTION"));
  }
}

TEST(FaultTest, OnlyWhereAndWhenItSays) {
  const FaultInjection fault = Injection("gradient:3:1:exit");
  EXPECT_EQ(fault.rank(), 1);
  fault.Reach(FaultPoint::kStep, 3, 1);
  fault.Reach(FaultPoint::kGradient, 2, 1);
  fault.Reach(FaultPoint::kGradient, 3, 0);
  EXPECT_EXIT(fault.Reach(FaultPoint::kGradient, 3, 1),
              testing::ExitedWithCode(1), "");
}

TEST(FaultTest, SignalsEndTheProcess) {
  EXPECT_EXIT(Injection("start:0:0:kill").Reach(FaultPoint::kStart, 0, 0),
              testing::KilledBySignal(SIGKILL), "");
  EXPECT_EXIT(Injection("step:*:0:abort").Reach(FaultPoint::kStep, 5, 0),
              testing::KilledBySignal(SIGABRT), "");
}

TEST(FaultTest, DamagesTheFirstElement) {
  CpuDevice device;
  const std::unique_ptr<Stream> stream = device.CreateStream();
  std::vector<float> gradient = {1, 2};
  Injection("gradient:*:0:nan")
      .Reach(FaultPoint::kGradient, 7, 0, *stream,
             TensorView::Of(gradient.data(), {2}));
  EXPECT_TRUE(std::isnan(gradient[0]));
  EXPECT_EQ(gradient[1], 2);

  const FaultInjection flip = Injection("parameter:7:0:flip");
  std::vector<float> weights = {1, 2};
  std::vector<BFloat16> low = {BFloat16(1.0f), BFloat16(2.0f)};
  for (const TensorView& view :
       {TensorView::Of(weights.data(), {2}), TensorView::Of(low.data(), {2})}) {
    flip.Reach(FaultPoint::kParameter, 7, 0, *stream, view);
  }
  EXPECT_EQ(weights[0], 1 + 1.0f / 128);                  // bit 16 of 23
  EXPECT_EQ(static_cast<float>(low[0]), 1 + 1.0f / 128);  // bit 0 of 7
  EXPECT_EQ(weights[1], 2);
}

}  // namespace
}  // namespace cogdist
