#include "parallel/param_store.h"

#include "kernels/cast.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// Each parameter starts on a cache line in every buffer, bfloat16 included.
constexpr int64_t kAlignElements = Device::kAlignment / 2;

int64_t AlignUp(int64_t elements) {
  return (elements + kAlignElements - 1) / kAlignElements * kAlignElements;
}

absl::Status AllocateZeroed(Device& device, Stream& stream, int64_t bytes,
                            Buffer& buffer) {
  COG_ASSIGN_OR_RETURN(buffer, Buffer::Allocate(device, bytes));
  stream.FillZero(buffer.data(), bytes);
  return absl::OkStatus();
}

}  // namespace

Shape NamedTensor::held_shape() const {
  Shape part = shape;
  if (held.has_value()) part.set_dim(sharded_dim, held->count);
  return part;
}

NamedTensor ShardOf(NamedTensor tensor, int dim, int size, int rank) {
  tensor.sharded_dim = dim;
  tensor.held = EvenPart(tensor.shape.dim(dim), size, rank);
  return tensor;
}

ParamStore::UnitId ParamStore::AddUnit(absl::string_view name) {
  units_.push_back({std::string(name), {total_, 0}});
  return units_.size() - 1;
}

ParamStore::ParamId ParamStore::Add(UnitId unit, ParamSpec spec) {
  COG_CHECK_EQ(unit, num_units() - 1);  // units are contiguous
  COG_CHECK(!master_, "parameters are registered before Allocate()");
  COG_CHECK(!spec.tensors.empty());
  Param param{.range = {total_, 0}, .shape = spec.tensors[0].held_shape()};
  param.shape.set_dim(0, 0);
  for (NamedTensor& named : spec.tensors) {
    const Shape held = named.held_shape();
    const int64_t count = held.num_elements();
    param.shape.set_dim(0, param.shape.dim(0) + held.dim(0));
    tensors_.push_back(
        {std::move(named), spec.init, {total_ + param.range.count, count}});
    param.range.count += count;
  }
  COG_CHECK_EQ(param.shape.num_elements(), param.range.count);
  total_ += AlignUp(param.range.count);
  units_[unit].range.count = total_ - units_[unit].range.begin;
  params_.push_back(param);
  return params_.size() - 1;
}

absl::Status ParamStore::Allocate(Device& device, Stream& stream,
                                  DType precision, Use use) {
  precision_ = precision;
  const int64_t bytes = total_ * SizeOf(DType::kFloat32);
  COG_RETURN_IF_ERROR(AllocateZeroed(device, stream, bytes, master_));
  if (use == Use::kTraining) {
    for (Buffer* buffer : {&gradients_, &moment1_, &moment2_}) {
      COG_RETURN_IF_ERROR(AllocateZeroed(device, stream, bytes, *buffer));
    }
  }
  if (precision == DType::kBFloat16) {
    COG_RETURN_IF_ERROR(AllocateZeroed(
        device, stream, total_ * SizeOf(precision), low_precision_));
  }
  return absl::OkStatus();
}

TensorView ParamStore::weight(ParamId id) const {
  const Param& param = params_[id];
  const TensorView low = low_precision(param.range);
  return (low ? low : master(param.range)).Reshape(param.shape);
}

TensorView ParamStore::gradient(ParamId id) const {
  const Param& param = params_[id];
  return gradients(param.range).Reshape(param.shape);
}

TensorView ParamStore::low_precision(Range range) const {
  if (!low_precision_) return TensorView();
  return low_precision_.View(precision_).Slice(0, range.begin, range.count);
}

TensorView ParamStore::View(const Buffer& buffer, Range range) {
  return buffer.View(DType::kFloat32).Slice(0, range.begin, range.count);
}

int64_t ParamStore::num_parameters() const {
  int64_t total = 0;
  for (const Tensor& tensor : tensors_) total += tensor.range.count;
  return total;
}

ParamStore::Bytes ParamStore::bytes() const {
  return {.weights = master_.bytes() + low_precision_.bytes(),
          .gradients = gradients_.bytes(),
          .optimizer = moment1_.bytes() + moment2_.bytes()};
}

void ParamStore::ZeroGradients(Stream& stream) {
  stream.FillZero(gradients_.data(), gradients_.bytes());
}

void ParamStore::CastWeights(Stream& stream) {
  if (!low_precision_) return;
  Cast(stream, {.to = low_precision(all()), .from = master(all())});
}

}  // namespace cogdist
