// Our declarations of the vendors' interfaces say what the toolkit's say.

#include "tests/vgpu/runtime/api_facts.h"
#include "gtest/gtest.h"

namespace cogdist::vgpu {
namespace {

TEST(ApiFactsTest, OursAreTheToolkits) {
  const ApiFacts ours = OurApi(), toolkit = ToolkitApi();
  EXPECT_GT(ours.size(), 150u);
  EXPECT_EQ(ours.size(), toolkit.size());
  for (const auto& [name, fact] : toolkit) {
    EXPECT_EQ(ours.at(name), fact) << name;
  }
}

}  // namespace
}  // namespace cogdist::vgpu
