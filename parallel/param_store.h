// All parameters of the model part that lives on this rank, in flat buffers.
// Models register parameters and read views; the optimizer, gradient reduction,
// checkpoints and weight files walk over what is registered and never see a
// model class.
//
// Parameters belong to units, e.g. one transformer block. A unit is a
// contiguous range of the flat elements, and the granularity of communication.
//
// What of it is in memory follows from the ZeRO stage (Rajbhandari et al., SC
// 2020). Replicas, ranks with the same parameters, share every unit out by its
// segments; a rank owns one part of each:
//
//   stage         0      1      2      3
//   moments       whole  owned  owned  owned
//   gradients     whole  whole  owned  owned   2, 3: and whole in slots, while
//   weights       whole  whole  whole  owned   a pass uses the unit
//
// The master weights, float32, are owned as the moments are. In float32 they
// are the owned part of the weights and take no memory of their own, but at
// stage 3, where weights are slots.

#ifndef COGDIST_PARALLEL_PARAM_STORE_H_
#define COGDIST_PARALLEL_PARAM_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "parallel/flat_buffer.h"
#include "parallel/named_tensor.h"
#include "parallel/partition.h"
#include "parallel/unit_segments.h"
#include "parallel/unit_slots.h"
#include "runtime/device.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

struct ParamInit {
  enum class Kind { kNormal, kOnes };
  Kind kind = Kind::kNormal;
  double std = 0;  // of kNormal, mean 0
};

// One matrix (or vector) of the network: one or more named tensors of the same
// held width stacked by rows, so that one product serves e.g. q, k and v.
struct ParamSpec {
  std::vector<NamedTensor> tensors;
  ParamInit init;
  // A second copy of tensors that the store has already, with weights and
  // gradients of its own: as if it stood on another rank. After the reduction
  // both have the sum of the two gradients; files and norms count it once.
  bool tied = false;
};

class ParamStore {
 public:
  using ParamId = int;
  using UnitId = int;

  // Elements of the flat arrays.
  using Range = ElementRange;

  struct Tensor {
    NamedTensor named;
    ParamInit init;
    Range range;  // where the held part lies
    UnitId unit = 0;
    // The tensor that this one is a tied copy of, by index.
    std::optional<int> tied_to = std::nullopt;

    // Weight decay is for matrices, not for gains (math.md's rule for AdamW).
    bool decays() const { return named.shape.rank() >= 2; }
    // Whether files and norms take it from here: once in the world.
    bool counts() const { return named.first_copy() && !tied_to.has_value(); }
  };

  // Registration, in the order in which the forward pass uses the units.
  UnitId AddUnit(absl::string_view name);
  ParamId Add(UnitId unit, ParamSpec spec);

  enum class Use { kTraining, kInference };

  struct Allocation {
    Device& device;
    Stream& stream;
    DType precision = DType::kFloat32;  // that the network computes in
    Use use = Use::kTraining;
    // What follows is for training.
    int zero_stage = 0;
    int replicas = 1;  // ranks with the same parameters
    int replica = 0;   // this one of them
    // Sums of gradients that are kept apart in LAYOUT_INVARIANT mode, a power
    // of two; 0: one running sum. Whole gradients then live at every stage, in
    // log2(lanes) + 1 buffers.
    int lanes = 0;
    // Units that a pass uses at a time: 2 where the head shares its table with
    // the embedding. There is a slot more, for the one before or after.
    int units_at_once = 1;
  };

  // Allocates the flat buffers, zeroed. Ends the registration.
  absl::Status Allocate(const Allocation& allocation);

  // What the network computes with, in the precision given to Allocate().
  // REQUIRES: at stage 3, a slot has been filled for the unit.
  TensorView weight(ParamId id) const;
  // float32; layers add to it. REQUIRES: at stages 2 and 3, the unit has a
  // gradient slot.
  TensorView gradient(ParamId id) const;

  // Flat views, float32, over elements that this rank owns, all of one segment.
  TensorView master(Range range) const {
    return (master_ ? master_ : weights_).View(range);
  }
  // Where the gradients' sums over micro-batches and ranks end up.
  TensorView gradients(Range range) const { return gradients_[0].View(range); }
  TensorView moment1(Range range) const { return moment1_.View(range); }
  TensorView moment2(Range range) const { return moment2_.View(range); }
  // The bfloat16 weights; absent in float32, where the master is used, and at
  // stage 3.
  TensorView low_precision(Range range) const;

  int num_units() const { return units_.size(); }
  Range unit_range(UnitId unit) const { return units_[unit].range; }
  const std::string& unit_name(UnitId unit) const { return units_[unit].name; }
  // Every unit, padding between parameters included.
  Range all() const { return {0, total_}; }

  // The registered tensors in order.
  const std::vector<Tensor>& tensors() const { return tensors_; }

  // 0 where there is one replica: nobody to share with.
  int zero_stage() const { return stage_; }
  int lanes() const { return lanes_; }
  int replica() const { return replica_; }

  // How the replicas share the unit out, at every stage: a single segment, but
  // where tensors have copies on other ranks that must be cut alike there.
  const std::vector<UnitSegment>& segments(UnitId unit) const {
    return units_[unit].segments;
  }
  // A replica's share of a tensor, this one's by default; empty, or all of it,
  // or part.
  Range share(const Tensor& tensor, int replica) const;
  Range share(const Tensor& tensor) const { return share(tensor, replica_); }
  // What this rank updates of a tensor: at stage 0 all, else its share.
  Range owned(const Tensor& tensor) const {
    return stage_ == 0 ? tensor.range : share(tensor);
  }
  // What Write() wants of a tensor, counted from the begin of the held part.
  Range stored(const Tensor& tensor) const;

  // Sets elements of `tensor`'s held part, from number `first` on, wherever
  // this rank stores them. Waits for the stream: `values` may go afterwards.
  void Write(Stream& stream, const Tensor& tensor, int64_t first,
             absl::Span<const float> values);

  // Bytes that Allocate() takes, by kind; slots belong to their kind.
  struct Bytes {
    int64_t weights = 0;  // master and low-precision copies
    int64_t gradients = 0;
    int64_t optimizer = 0;
  };
  Bytes bytes() const;

  // For the classes that move weights and gradients: elements of one unit, in
  // the place where passes read or add now.
  TensorView unit_weights(UnitId unit, Range range) const;
  TensorView unit_gradients(UnitId unit, Range range) const;
  UnitSlots& weight_slots() { return weight_slots_; }
  UnitSlots& gradient_slots() { return gradient_slots_; }
  // The gradient buffer that passes over `unit` add to from now on; and a view
  // of any of them. Others than number 0 are there for lanes only.
  void set_gradient_buffer(UnitId unit, int buffer) {
    units_[unit].gradient_buffer = buffer;
  }
  TensorView gradient_buffer(int buffer, Range range) const {
    return gradients_[buffer].View(range);
  }

 private:
  struct Unit {
    std::string name;
    Range range;
    std::vector<UnitSegment> segments;
    int gradient_buffer = 0;
  };
  struct Param {
    UnitId unit;
    Range range;
    Shape shape;
  };

  std::optional<int> FindTensor(absl::string_view name) const;
  std::vector<UnitSegment> CutUnit(UnitId unit, int replicas) const;
  // What a flat buffer holds where ranks own parts.
  std::vector<Range> OwnedPieces() const;
  int64_t LargestUnit() const;
  absl::Status AllocateWeights(const Allocation& allocation);
  absl::Status AllocateGradients(const Allocation& allocation);

  std::vector<Unit> units_;
  std::vector<Param> params_;
  std::vector<Tensor> tensors_;
  int64_t total_ = 0;
  bool allocated_ = false;
  DType precision_ = DType::kFloat32;
  int stage_ = 0;
  int replica_ = 0;
  int lanes_ = 0;

  FlatBuffer weights_;  // whole, as the network reads them; none at stage 3
  FlatBuffer master_;   // float32; none where the weights are
  FlatBuffer moment1_;  // float32
  FlatBuffer moment2_;  // float32
  std::vector<FlatBuffer> gradients_;  // float32; more than one for lanes
  UnitSlots weight_slots_;
  UnitSlots gradient_slots_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_PARAM_STORE_H_
