#include "launcher/device_choice.h"

#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "runtime/check.h"
#include "runtime/cpu/cpu_device.h"
#include "tests/testing/rank_threads.h"

namespace cogdist {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;

// Machines by what they answer.
GpuBackend WithGpus(absl::StatusOr<int> (*count)()) {
  return {.count_devices = count,
          .create_device = [](int) -> absl::StatusOr<std::unique_ptr<Device>> {
            return std::make_unique<CpuDevice>();
          }};
}
const GpuBackend kFour = WithGpus([]() -> absl::StatusOr<int> { return 4; });
const GpuBackend kNone = WithGpus([]() -> absl::StatusOr<int> { return 0; });
const GpuBackend kBroken = WithGpus([]() -> absl::StatusOr<int> {
  return absl::InternalError("the driver is ill");
});

absl::StatusOr<DeviceChoice> Choose(DeviceKind wanted, const GpuBackend& gpus,
                                    int local_rank = 0) {
  return ChooseDevice(wanted, local_rank, [&] { return &gpus; });
}

absl::StatusOr<DeviceChoice> ChooseWithoutModule(DeviceKind wanted) {
  return ChooseDevice(wanted, 0, []() -> absl::StatusOr<const GpuBackend*> {
    return absl::UnavailableError("no libnccl.so.2; or set device: CPU");
  });
}

TEST(DeviceChoiceTest, CpuDoesNotLookForGpus) {
  bool looked = false;
  const auto choice =
      ChooseDevice(CPU, 0, [&]() -> absl::StatusOr<const GpuBackend*> {
        looked = true;
        return &kFour;
      });
  ASSERT_TRUE(choice.ok());
  EXPECT_EQ(choice->type, DeviceType::kCpu);
  EXPECT_FALSE(looked);
}

TEST(DeviceChoiceTest, RanksOfAMachineTakeItsGpusInTurn) {
  for (const DeviceKind wanted : {AUTO, CUDA}) {
    for (const int local_rank : {0, 3, 5}) {
      const auto choice = Choose(wanted, kFour, local_rank);
      ASSERT_TRUE(choice.ok()) << choice.status();
      EXPECT_EQ(choice->type, DeviceType::kCuda);
      EXPECT_EQ(choice->gpus, &kFour);
      EXPECT_EQ(choice->index, local_rank % 4);
    }
  }
}

TEST(DeviceChoiceTest, AutoIsTheCpuWhereNoGpuCanBeUsed) {
  for (const auto& choice : {ChooseWithoutModule(AUTO), Choose(AUTO, kNone),
                             Choose(AUTO, kBroken)}) {
    ASSERT_TRUE(choice.ok()) << choice.status();
    EXPECT_EQ(choice->type, DeviceType::kCpu);
    EXPECT_EQ(choice->gpus, nullptr);
  }
}

TEST(DeviceChoiceTest, AutoWarnsOfGpusThatItCannotUse) {
  const auto warning = [](const absl::StatusOr<DeviceChoice>& choice) {
    std::ostringstream out;
    WarnOfUnusedGpus(*choice, out);
    return out.str();
  };
  EXPECT_EQ(warning(Choose(AUTO, kBroken)),
            "cogdist: warning: device: AUTO takes the CPU, although this "
            "machine may have GPUs: the driver is ill\n");
  EXPECT_THAT(warning(ChooseWithoutModule(AUTO)), HasSubstr("no libnccl.so.2"));
  EXPECT_EQ(warning(Choose(AUTO, kNone)), "");
  EXPECT_EQ(warning(Choose(AUTO, kFour)), "");
  EXPECT_EQ(warning(Choose(CPU, kBroken)), "");
}

TEST(DeviceChoiceTest, CudaSaysWhatIsMissing) {
  const auto message = [](const absl::StatusOr<DeviceChoice>& choice) {
    EXPECT_TRUE(absl::IsInvalidArgument(choice.status())) << choice.status();
    return std::string(choice.status().message());
  };
  EXPECT_EQ(message(ChooseWithoutModule(CUDA)),
            "device: CUDA: no libnccl.so.2; or set device: CPU");
  EXPECT_THAT(message(Choose(CUDA, kNone)),
              AllOf(HasSubstr("device: CUDA: this process can use no GPU of "),
                    HasSubstr("or set device: CPU")));
  EXPECT_THAT(message(Choose(CUDA, kBroken)), HasSubstr("the driver is ill"));
}

TEST(DeviceChoiceTest, PlansForCudaNeedNoGpu) {
  EXPECT_EQ(PlannedDevice(CUDA), DeviceType::kCuda);
  EXPECT_EQ(PlannedDevice(CPU), DeviceType::kCpu);
}

TEST(DeviceChoiceTest, OpensWhatWasChosen) {
  const auto host = OpenDevice(DeviceChoice());
  ASSERT_TRUE(host.ok());
  EXPECT_EQ((*host)->type(), DeviceType::kCpu);
  const GpuBackend ill = {
      .create_device =
          [](int index) -> absl::StatusOr<std::unique_ptr<Device>> {
        return absl::UnavailableError(absl::StrCat("GPU ", index));
      }};
  EXPECT_EQ(OpenDevice({DeviceType::kCuda, &ill, 3}).status().message(),
            "GPU 3");
}

// What ranks are told, of which each two are on a machine. `place`: where the
// first GPU that a rank sees is.
std::vector<std::string> CheckOwnGpus(
    int ranks, absl::StatusOr<std::string> (*place)(int)) {
  const GpuBackend gpus = {.place_of_device = place};
  std::vector<std::string> messages(ranks);
  testing::RunRanks(ranks, [&](testing::TestRank& self) {
    const absl::Status status = CheckOwnGpu(
        {.type = DeviceType::kCuda, .gpus = &gpus},
        {.rank = self.rank, .node = self.rank / 2 * 2}, *self.world);
    messages[self.rank] = std::string(status.message());
  });
  return messages;
}

TEST(CheckOwnGpuTest, EachRankMaySeeItsOwnAsTheFirst) {
  EXPECT_THAT(CheckOwnGpus(4,
                           [](int) -> absl::StatusOr<std::string> {
                             return absl::StrCat(
                                 "0000:0", CurrentRankTag().rank % 2, ":00.0");
                           }),
              Each(""));
}

TEST(CheckOwnGpuTest, TwoRanksMustNotShareOne) {
  EXPECT_THAT(
      CheckOwnGpus(4,
                   [](int) -> absl::StatusOr<std::string> {
                     return CurrentRankTag().rank < 2
                                ? absl::StrCat("0000:0", CurrentRankTag().rank)
                                : "0000:05:00.0";
                   }),
      Each(AllOf(HasSubstr("device: ranks 2 and 3 would share GPU 0000:05:00.0 "
                           "of "),
                 HasSubstr("or set device: CPU"))));
}

TEST(CheckOwnGpuTest, ALoneRankAsksNobody) {
  EXPECT_THAT(CheckOwnGpus(1, nullptr), Each(""));
}

}  // namespace
}  // namespace cogdist
