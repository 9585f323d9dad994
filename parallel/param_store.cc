#include "parallel/param_store.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "runtime/bfloat16.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// Each parameter starts on a cache line in every buffer, bfloat16 included.
constexpr int64_t kAlignElements = Device::kAlignment / 2;

int64_t AlignUp(int64_t elements) {
  return (elements + kAlignElements - 1) / kAlignElements * kAlignElements;
}

ElementRange Intersection(ElementRange a, ElementRange b) {
  const int64_t begin = std::max(a.begin, b.begin);
  return {begin, std::max<int64_t>(0, std::min(a.end(), b.end()) - begin)};
}

ElementRange Shifted(ElementRange range, int64_t by) {
  return {range.begin + by, range.count};
}

}  // namespace

ParamStore::UnitId ParamStore::AddUnit(absl::string_view name) {
  Unit unit;
  unit.name = std::string(name);
  unit.range = {total_, 0};
  units_.push_back(std::move(unit));
  return units_.size() - 1;
}

ParamStore::ParamId ParamStore::Add(UnitId unit, ParamSpec spec) {
  COG_CHECK_EQ(unit, num_units() - 1);  // units are contiguous
  COG_CHECK(!allocated_, "parameters are registered before Allocate()");
  COG_CHECK(!spec.tensors.empty());
  Param param{.unit = unit,
              .range = {total_, 0},
              .shape = spec.tensors[0].held_shape()};
  param.shape.set_dim(0, 0);
  for (NamedTensor& named : spec.tensors) {
    const std::optional<int> first = FindTensor(named.name);
    COG_CHECK(first.has_value() == spec.tied, named.name,
              spec.tied ? " is tied to nothing" : " is registered twice");
    const Shape held = named.held_shape();
    const int64_t count = held.num_elements();
    param.shape.set_dim(0, param.shape.dim(0) + held.dim(0));
    tensors_.push_back({.named = std::move(named),
                        .init = spec.init,
                        .range = {total_ + param.range.count, count},
                        .unit = unit,
                        .tied_to = first});
    param.range.count += count;
  }
  COG_CHECK_EQ(param.shape.num_elements(), param.range.count);
  total_ += AlignUp(param.range.count);
  units_[unit].range.count = total_ - units_[unit].range.begin;
  params_.push_back(param);
  return params_.size() - 1;
}

std::optional<int> ParamStore::FindTensor(absl::string_view name) const {
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (tensors_[i].named.name == name) return static_cast<int>(i);
  }
  return std::nullopt;
}

absl::Status ParamStore::Allocate(const Allocation& allocation) {
  COG_CHECK(allocation.lanes == 0 ||
            std::has_single_bit(static_cast<unsigned>(allocation.lanes)));
  const bool trains = allocation.use == Use::kTraining;
  allocated_ = true;
  precision_ = allocation.precision;
  stage_ = trains && allocation.replicas > 1 ? allocation.zero_stage : 0;
  replica_ = allocation.replica;
  lanes_ = allocation.lanes;
  for (UnitId unit = 0; unit < num_units(); ++unit) {
    units_[unit].segments = CutUnit(unit, allocation.replicas);
  }
  COG_RETURN_IF_ERROR(AllocateWeights(allocation));
  return trains ? AllocateGradients(allocation) : absl::OkStatus();
}

absl::Status ParamStore::AllocateWeights(const Allocation& allocation) {
  const auto allocate = [&](DType dtype, std::vector<Range> pieces) {
    return FlatBuffer::Allocate(allocation.device, allocation.stream, dtype,
                                std::move(pieces));
  };
  const bool trains = allocation.use == Use::kTraining;
  if (stage_ == 3) {
    COG_ASSIGN_OR_RETURN(
        weight_slots_,
        UnitSlots::Allocate(allocation.device, precision_,
                            allocation.units_at_once + 1, LargestUnit()));
  } else {
    COG_ASSIGN_OR_RETURN(weights_, allocate(precision_, {all()}));
  }
  if (trains && (stage_ == 3 || precision_ != DType::kFloat32)) {
    COG_ASSIGN_OR_RETURN(master_, allocate(DType::kFloat32, OwnedPieces()));
  }
  if (!trains) return absl::OkStatus();
  COG_ASSIGN_OR_RETURN(moment1_, allocate(DType::kFloat32, OwnedPieces()));
  COG_ASSIGN_OR_RETURN(moment2_, allocate(DType::kFloat32, OwnedPieces()));
  return absl::OkStatus();
}

absl::Status ParamStore::AllocateGradients(const Allocation& allocation) {
  const bool slots = stage_ >= 2 && lanes_ == 0;
  const int buffers =
      std::bit_width(static_cast<unsigned>(std::max(lanes_, 1)));
  for (int i = 0; i < buffers; ++i) {
    COG_ASSIGN_OR_RETURN(
        FlatBuffer buffer,
        FlatBuffer::Allocate(allocation.device, allocation.stream,
                             DType::kFloat32,
                             slots ? OwnedPieces() : std::vector{all()}));
    gradients_.push_back(std::move(buffer));
  }
  if (!slots) return absl::OkStatus();
  COG_ASSIGN_OR_RETURN(
      gradient_slots_,
      UnitSlots::Allocate(allocation.device, DType::kFloat32,
                          allocation.units_at_once + 1, LargestUnit()));
  return absl::OkStatus();
}

std::vector<UnitSegment> ParamStore::CutUnit(UnitId unit, int replicas) const {
  // A tensor whose gradient is summed over copies is cut by itself: its place
  // in the unit may differ from rank to rank. So is a tied one.
  const auto cut_alone = [&](size_t i) {
    const Tensor& tensor = tensors_[i];
    const auto tied_to_it = [&](const Tensor& other) {
      return other.tied_to == static_cast<int>(i);
    };
    return tensor.named.copies.partial_gradients ||
           tensor.tied_to.has_value() ||
           std::any_of(tensors_.begin(), tensors_.end(), tied_to_it);
  };
  std::vector<UnitSegment> segments;
  std::vector<Range> run;  // tensors of the segment to come
  int64_t begin = units_[unit].range.begin;
  const auto end_segment = [&](int64_t end) {
    if (run.empty()) return;
    segments.push_back(CutSegment({begin, end - begin}, run, replicas));
    begin = end;
    run.clear();
  };
  bool after_alone = false;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (tensors_[i].unit != unit) continue;
    const bool alone = cut_alone(i);
    if (alone || after_alone) end_segment(tensors_[i].range.begin);
    run.push_back(tensors_[i].range);
    after_alone = alone;
  }
  end_segment(units_[unit].range.end());
  return segments;
}

std::vector<ParamStore::Range> ParamStore::OwnedPieces() const {
  if (stage_ == 0) return {all()};
  std::vector<Range> pieces;
  for (const Unit& unit : units_) {
    for (const UnitSegment& segment : unit.segments) {
      pieces.push_back(segment.part(replica_));
    }
  }
  return pieces;
}

int64_t ParamStore::LargestUnit() const {
  int64_t largest = 0;
  for (const Unit& unit : units_) largest = std::max(largest, unit.range.count);
  return largest;
}

TensorView ParamStore::weight(ParamId id) const {
  const Param& param = params_[id];
  return unit_weights(param.unit, param.range).Reshape(param.shape);
}

TensorView ParamStore::gradient(ParamId id) const {
  const Param& param = params_[id];
  return unit_gradients(param.unit, param.range).Reshape(param.shape);
}

TensorView ParamStore::low_precision(Range range) const {
  if (precision_ == DType::kFloat32 || !weights_) return TensorView();
  return weights_.View(range);
}

TensorView ParamStore::unit_weights(UnitId unit, Range range) const {
  if (!weight_slots_) return weights_.View(range);
  return weight_slots_.View(unit, range.begin - units_[unit].range.begin,
                            range.count);
}

TensorView ParamStore::unit_gradients(UnitId unit, Range range) const {
  if (!gradient_slots_) {
    return gradients_[units_[unit].gradient_buffer].View(range);
  }
  return gradient_slots_.View(unit, range.begin - units_[unit].range.begin,
                              range.count);
}

ParamStore::Range ParamStore::share(const Tensor& tensor, int replica) const {
  for (const UnitSegment& segment : units_[tensor.unit].segments) {
    if (Intersection(tensor.range, segment.range).count == 0) continue;
    return Intersection(tensor.range, segment.part(replica));
  }
  return {tensor.range.begin, 0};
}

ParamStore::Range ParamStore::stored(const Tensor& tensor) const {
  const Range stored = weights_ ? tensor.range : owned(tensor);
  return Shifted(stored, -tensor.range.begin);
}

void ParamStore::Write(Stream& stream, const Tensor& tensor, int64_t first,
                       absl::Span<const float> values) {
  const auto write = [&](const TensorView& to, const void* from) {
    stream.Copy(to.data, from, to.bytes());
    stream.Synchronize();
  };
  const Range range = {tensor.range.begin + first,
                       static_cast<int64_t>(values.size())};
  if (weights_ && precision_ == DType::kFloat32) {
    write(weights_.View(range), values.data());
  } else if (weights_) {
    const std::vector<BFloat16> low(values.begin(), values.end());
    write(weights_.View(range), low.data());
  }
  const Range own = Intersection(range, owned(tensor));
  if (master_ && own.count > 0) {
    write(master_.View(own), values.data() + own.begin - range.begin);
  }
}

ParamStore::Bytes ParamStore::bytes() const {
  Bytes bytes = {
      .weights = weights_.bytes() + master_.bytes() + weight_slots_.bytes(),
      .gradients = gradient_slots_.bytes(),
      .optimizer = moment1_.bytes() + moment2_.bytes()};
  for (const FlatBuffer& buffer : gradients_) bytes.gradients += buffer.bytes();
  return bytes;
}

}  // namespace cogdist
