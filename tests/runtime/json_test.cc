#include "runtime/json.h"

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cogdist {
namespace {

using testing::HasSubstr;

std::string Nested(int levels) {
  return absl::StrCat("{\"a\":", std::string(levels - 1, '['), "1",
                      std::string(levels - 1, ']'), "}");
}

TEST(JsonTest, DeepNestingIsRefused) {
  EXPECT_TRUE(ParseJsonObject(Nested(64), "f").ok());
  const auto deep = ParseJsonObject(Nested(65), "f");
  EXPECT_THAT(std::string(deep.status().message()),
              HasSubstr("f: values are nested more than 64 levels deep"));
  EXPECT_FALSE(ParseJsonObject(std::string(100 << 20, '['), "f").ok());
}

TEST(JsonTest, BracketsInStringsAreText) {
  const std::string text = absl::StrCat(
      R"({"a": "\\\"", "b\"": ")", std::string(100, '{'), R"(", "c": "\\"})");
  const auto parsed = ParseJsonObject(text, "f");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->at("b\""), std::string(100, '{'));
}

TEST(JsonTest, AKeyTwiceIsRefused) {
  const auto parsed = ParseJsonObject(R"({"a": {"k": 1, "k": 2}})", "f");
  EXPECT_THAT(std::string(parsed.status().message()),
              HasSubstr("\"k\" occurs twice in one object"));
}

}  // namespace
}  // namespace cogdist
