#include "runtime/meta/meta_device.h"

#include "gtest/gtest.h"
#include "runtime/arena.h"
#include "runtime/host_buffer.h"

namespace cogdist {
namespace {

TEST(MetaDeviceTest, CountsWhatItGivesOut) {
  MetaDevice device;
  {
    const absl::StatusOr<Buffer> huge =
        Buffer::Allocate(device, int64_t{1} << 50);
    ASSERT_TRUE(huge.ok());
    const absl::StatusOr<Buffer> small = Buffer::Allocate(device, 3);
    EXPECT_EQ(device.memory().current_bytes, (int64_t{1} << 50) + 3);
  }
  EXPECT_EQ(device.memory().current_bytes, 0);
  EXPECT_EQ(device.memory().peak_bytes, (int64_t{1} << 50) + 3);
}

TEST(MetaDeviceTest, AddressesAreAlignedDistinctAndNotNull) {
  MetaDevice device;
  const Buffer a = *Buffer::Allocate(device, 0);
  const Buffer b = *Buffer::Allocate(device, 257);
  const Buffer c = *Buffer::Allocate(device, 1);
  EXPECT_TRUE(a && b && c);
  EXPECT_NE(a.data(), b.data());
  EXPECT_GE(static_cast<char*>(c.data()) - static_cast<char*>(b.data()), 257);
  for (const Buffer* buffer : {&a, &b, &c}) {
    const uintptr_t address = reinterpret_cast<uintptr_t>(buffer->data());
    EXPECT_EQ(address % Device::kAlignment, 0u);
  }
}

TEST(MetaDeviceTest, KeepsNoHostMemory) {
  MetaDevice device;
  const absl::StatusOr<HostBuffer> huge =
      HostBuffer::Allocate(device, int64_t{1} << 50);
  ASSERT_TRUE(huge.ok());
  EXPECT_EQ(huge->bytes(), 0);
  EXPECT_EQ(huge->data(), nullptr);
  EXPECT_EQ(device.memory().current_bytes, 0);
}

TEST(MetaDeviceTest, StreamTouchesNothing) {
  MetaDevice device;
  const std::unique_ptr<Stream> stream = device.CreateStream();
  const Buffer buffer = *Buffer::Allocate(device, 1 << 20);
  stream->Copy(buffer.data(), buffer.data(), 1 << 20);
  FillZero(*stream, buffer.View(DType::kFloat32));
  stream->Wait(stream->Record());
  stream->Synchronize();
  EXPECT_EQ(stream->device_type(), DeviceType::kMeta);
}

TEST(MetaDeviceTest, WorkspaceIsAHighWaterMark) {
  MetaDevice device;
  const std::unique_ptr<Stream> stream = device.CreateStream();
  stream->Workspace(300);
  stream->Workspace(100);
  EXPECT_EQ(stream->workspace_bytes(), 300);
}

}  // namespace
}  // namespace cogdist
