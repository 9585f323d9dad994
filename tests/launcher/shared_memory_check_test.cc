#include "launcher/shared_memory_check.h"

#include <string>

#include "gmock/gmock.h"
#include "runtime/cpu/cpu_device.h"
#include "tests/launcher/small_config.h"

namespace cogdist {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A host that says it had blocks with so much.
class LimitedDevice : public CpuDevice {
 public:
  explicit LimitedDevice(int64_t bytes) : bytes_(bytes) {}
  int64_t SharedBytesPerBlock() const override { return bytes_; }

 private:
  const int64_t bytes_;
};

constexpr int64_t kSm80 = 163 << 10, kSm86 = 99 << 10;

std::string Message(int64_t head_dim, int64_t hidden, Passes passes,
                    const Device& device) {
  RunConfig config = testing::SmallConfig();
  CogformerConfig* const model = config.mutable_model()->mutable_cogformer();
  model->set_head_dim(head_dim);
  model->set_hidden_size(hidden);
  return std::string(CheckSharedMemory(config, passes, device).message());
}

TEST(SharedMemoryCheckTest, HeadsOf128FitEverywhereLargerOnesDoNot) {
  constexpr auto kTraining = Passes::kForwardAndBackward;
  EXPECT_THAT(Message(128, 4096, kTraining, LimitedDevice(kSm86)), IsEmpty());
  EXPECT_THAT(Message(256, 4096, kTraining, LimitedDevice(kSm80)), IsEmpty());
  EXPECT_THAT(Message(256, 4096, kTraining, CpuDevice()), IsEmpty());
  EXPECT_EQ(Message(160, 4096, kTraining, LimitedDevice(kSm86)),
            "model.cogformer.head_dim is 160, with which attention needs "
            "140032 bytes of shared memory a block, and this GPU has 101376; "
            "use at most 128 here, a GPU with more of it, or device: CPU");
  EXPECT_THAT(Message(130, 4096, Passes::kForward, LimitedDevice(kSm86)),
              HasSubstr("needs 102784 bytes"));
}

TEST(SharedMemoryCheckTest, TheWidestHiddenSizeIsNamed) {
  const LimitedDevice device(kSm86);
  constexpr int64_t kMost = 25336;
  constexpr auto kTraining = Passes::kForwardAndBackward;
  EXPECT_THAT(Message(128, kMost, kTraining, device), IsEmpty());
  EXPECT_THAT(
      Message(128, kMost + 1, kTraining, device),
      AllOf(HasSubstr("model.cogformer.hidden_size is 25337"),
            HasSubstr("RMSNorm needs 101380 bytes of shared memory a block"),
            HasSubstr("use at most 25336")));
  EXPECT_THAT(Message(128, kMost + 1, Passes::kForward, device), IsEmpty());
}

}  // namespace
}  // namespace cogdist
