#include "launcher/agreement.h"

#include <fstream>
#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/launcher/small_config.h"
#include "tests/temp_dir.h"
#include "tests/testing/rank_threads.h"

namespace cogdist {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::SmallConfig;

// What `ranks` ranks say, whose traits come from `traits`.
std::string Compare(int ranks,
                    const std::function<std::vector<Trait>(int)>& traits) {
  std::vector<std::string> messages(ranks);
  testing::RunRanks(ranks, [&](testing::TestRank& self) {
    const absl::Status status = CompareTraits(*self.world, traits(self.rank));
    EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status));
    messages[self.rank] = std::string(status.message());
  });
  for (const std::string& message : messages) EXPECT_EQ(message, messages[0]);
  return messages[0];
}

TEST(AgreementTest, EqualRanksAgree) {
  EXPECT_EQ(
      Compare(3, [](int) { return TraitsOf(SmallConfig(), "CPU", "train"); }),
      "");
}

TEST(AgreementTest, NamesTheFieldBothValuesAndTheRanks) {
  const std::string message = Compare(4, [](int rank) {
    RunConfig config = SmallConfig();
    if (rank == 2) config.mutable_lr_schedule()->set_peak_lr(0.5);
    return TraitsOf(config, "CPU", "train");
  });
  EXPECT_THAT(message, AllOf(HasSubstr("lr_schedule.peak_lr is 0.5 on rank 2"),
                             HasSubstr("0.01 on ranks 0, 1, 3")));
}

TEST(AgreementTest, AFieldThatOnlySomeHave) {
  const std::string message = Compare(3, [](int rank) {
    RunConfig config = SmallConfig();
    config.mutable_data()->add_train()->set_prefix("a");
    if (rank == 0) config.mutable_data()->add_train()->set_prefix("b");
    return TraitsOf(config, "CPU", "train");
  });
  EXPECT_THAT(message, HasSubstr("data.train.1.prefix is \"b\" on rank 0, but "
                                 "not set on ranks 1, 2"));
}

TEST(AgreementTest, DeviceAndCommand) {
  EXPECT_THAT(Compare(2,
                      [](int rank) {
                        return TraitsOf(SmallConfig(),
                                        rank == 0 ? "CPU" : "GPU", "train");
                      }),
              HasSubstr("the device is GPU on rank 1, but CPU on rank 0"));
  EXPECT_THAT(Compare(2,
                      [](int rank) {
                        return TraitsOf(SmallConfig(), "CPU",
                                        rank == 0 ? "train" : "eval");
                      }),
              HasSubstr("the command is eval on rank 1"));
}

// Each rank sees a dataset of its own under the same name.
TEST(AgreementTest, Datasets) {
  const TempDir dir;
  const auto compare = [&](const std::function<void(int)>& change) {
    // Traits are taken one after the other.
    std::vector<std::vector<Trait>> traits;
    for (int rank = 0; rank < 3; ++rank) {
      for (const char* ending : {".bin", ".idx", ".meta.json"}) {
        std::ofstream(dir / (std::string("data") + ending)) << "1234";
      }
      change(rank);
      RunConfig config = SmallConfig();
      config.mutable_data()->add_train()->set_prefix(dir / "data");
      traits.push_back(TraitsOf(config, "CPU", "train"));
    }
    return Compare(3, [&](int rank) { return traits[rank]; });
  };
  EXPECT_EQ(compare([](int) {}), "");
  EXPECT_THAT(compare([&](int rank) {
                if (rank == 1) std::ofstream(dir / "data.bin") << "12345";
              }),
              HasSubstr("data.bin is 5 bytes on rank 1, but 4 bytes on ranks "
                        "0, 2"));
  EXPECT_THAT(compare([&](int rank) {
                if (rank == 2) std::ofstream(dir / "data.idx") << "1235";
              }),
              HasSubstr("data.idx is 4 bytes with checksum"));
  EXPECT_THAT(compare([&](int rank) {
                if (rank == 0) std::filesystem::remove(dir / "data.meta.json");
              }),
              HasSubstr("data.meta.json is missing on rank 0"));
}

}  // namespace
}  // namespace cogdist
