// The module for GPUs as it is shipped: opened for real, with CUDA's,
// cuBLASLt's and NCCL's own libraries, on machines with and without a GPU.

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "parallel/gpu_backend.h"

namespace cogdist {
namespace {

using ::testing::HasSubstr;

const GpuBackend& Backend() {
  static const absl::StatusOr<const GpuBackend*> backend =
      OpenGpuBackend(COGDIST_CUDA_MODULE);
  if (!backend.ok()) ADD_FAILURE() << backend.status();
  static constexpr GpuBackend kNone;
  return backend.ok() ? **backend : kNone;
}

// OpenGpuBackend() binds every symbol, so an undefined one would show.
TEST(GpuModuleTest, Opens) {
  EXPECT_NE(Backend().count_devices, nullptr);
  EXPECT_NE(Backend().create_device, nullptr);
  EXPECT_NE(Backend().create_communicator, nullptr);
}

TEST(GpuModuleTest, ADeviceBeyondTheLastIsRefusedByNumber) {
  ASSERT_NE(Backend().count_devices, nullptr);
  const absl::StatusOr<int> count = Backend().count_devices();
  ASSERT_TRUE(count.ok()) << count.status();
  const auto device = Backend().create_device(*count);
  EXPECT_EQ(device.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(device.status().message(),
              HasSubstr("this process can use " + std::to_string(*count)));
}

}  // namespace
}  // namespace cogdist
