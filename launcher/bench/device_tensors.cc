#include "launcher/bench/device_tensors.h"

#include <utility>

#include "runtime/fill_pattern.h"
#include "runtime/rng.h"

namespace cogdist {
namespace {

constexpr int64_t kPeriod = 1 << 16;

// The host's memory is read until the stream has done its copies.
template <typename T>
void FillAndWait(Stream& stream, const TensorView& to,
                 const std::vector<T>& pattern) {
  FillPattern<T>(stream, to, pattern);
  stream.Synchronize();
}

}  // namespace

TensorView DeviceTensors::Allocate(DType dtype, const Shape& shape) {
  if (!status_.ok()) return {};
  auto buffer =
      Buffer::Allocate(stream_.device(), shape.num_elements() * SizeOf(dtype));
  if (!buffer.ok()) {
    status_ = buffer.status();
    return {};
  }
  buffers_.push_back(*std::move(buffer));
  return TensorView(buffers_.back().data(), dtype, shape);
}

TensorView DeviceTensors::Normal(DType dtype, const Shape& shape) {
  const TensorView x = Allocate(dtype, shape);
  if (!x) return x;
  std::vector<float> values(kPeriod);
  Rng(/*seed=*/buffers_.size(), "bench")
      .FillNormal(absl::MakeSpan(values), 0, 1);
  if (dtype == DType::kFloat32) {
    FillAndWait(stream_, x, values);
  } else {
    FillAndWait(stream_, x,
                std::vector<BFloat16>(values.begin(), values.end()));
  }
  return x;
}

TensorView DeviceTensors::Zeros(DType dtype, const Shape& shape) {
  const TensorView x = Allocate(dtype, shape);
  if (x) FillZero(stream_, x);
  return x;
}

TensorView DeviceTensors::Ids(int64_t count, int64_t below) {
  const TensorView x = Allocate(DType::kInt32, {count});
  if (!x) return x;
  std::vector<int32_t> ids(count);
  const Rng rng(/*seed=*/0, "bench");
  for (int64_t i = 0; i < count; ++i) {
    ids[i] = static_cast<int32_t>(rng.Below(below, i));
  }
  FillAndWait(stream_, x, ids);
  return x;
}

TensorView DeviceTensors::Copy(const std::vector<float>& values,
                               const Shape& shape) {
  const TensorView x = Allocate(DType::kFloat32, shape);
  if (x) FillAndWait(stream_, x, values);
  return x;
}

}  // namespace cogdist
