// All parameters of the model part that lives on this rank, in flat buffers.
// Models register parameters and read views; the optimizer, gradient reduction,
// checkpoints and weight files walk over what is registered and never see a
// model class.
//
// Parameters belong to units, e.g. one transformer block. A unit is a
// contiguous range of every flat buffer, and the granularity of communication.

#ifndef COGDIST_PARALLEL_PARAM_STORE_H_
#define COGDIST_PARALLEL_PARAM_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "parallel/communicator.h"
#include "parallel/partition.h"
#include "runtime/buffer.h"
#include "runtime/device.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

struct ParamInit {
  enum class Kind { kNormal, kOnes };
  Kind kind = Kind::kNormal;
  double std = 0;  // of kNormal, mean 0
};

// A tensor as weight files and checkpoints know it, and the part of it that
// this rank holds.
struct NamedTensor {
  // Other ranks that hold the same part, beside the data-parallel replicas.
  struct Copies {
    Communicator* group = nullptr;  // none where null; outlives the store
    // Each copy's gradient is a part of the whole, which is their sum; else
    // the copies' gradients are equal.
    bool partial_gradients = false;
  };

  std::string name;  // e.g. "model.layers.0.self_attn.q_proj.weight"
  Shape shape;       // of the whole tensor: [rows, cols] or [n]
  // Held are indices [held.begin, held.end()) of dimension `sharded_dim`, and
  // all of the other one. Without a range: the whole tensor.
  int sharded_dim = 0;
  std::optional<ElementRange> held = std::nullopt;
  Copies copies = {};

  // Of the part that this rank holds.
  Shape held_shape() const;
};

// `tensor` sharded evenly along `dim` over the ranks of a group; parts differ
// by at most one index.
NamedTensor ShardOf(NamedTensor tensor, int dim, int size, int rank);

// One matrix (or vector) of the network: one or more named tensors of the same
// held width stacked by rows, so that one product serves e.g. q, k and v.
struct ParamSpec {
  std::vector<NamedTensor> tensors;
  ParamInit init;
};

class ParamStore {
 public:
  using ParamId = int;
  using UnitId = int;

  // Elements of every flat buffer.
  using Range = ElementRange;

  struct Tensor {
    NamedTensor named;
    ParamInit init;
    Range range;  // where the held part lies
    // Weight decay is for matrices, not for gains (math.md's rule for AdamW).
    bool decays() const { return named.shape.rank() >= 2; }
  };

  // Registration, in the order in which the forward pass uses the units.
  UnitId AddUnit(absl::string_view name);
  ParamId Add(UnitId unit, ParamSpec spec);

  enum class Use { kTraining, kInference };

  // Allocates the flat buffers, zeroed: float32 master weights; for bfloat16,
  // the weights that the network reads; for training also gradients and both
  // moments. Ends the registration.
  absl::Status Allocate(Device& device, Stream& stream, DType precision,
                        Use use);

  // What the network computes with, in the precision given to Allocate().
  TensorView weight(ParamId id) const;
  // float32; layers add to it.
  TensorView gradient(ParamId id) const;

  // Flat views over a range of elements; float32 but for `weights`.
  TensorView master(Range range) const { return View(master_, range); }
  TensorView gradients(Range range) const { return View(gradients_, range); }
  TensorView moment1(Range range) const { return View(moment1_, range); }
  TensorView moment2(Range range) const { return View(moment2_, range); }
  // The bfloat16 weights; absent in float32, where the master is used.
  TensorView low_precision(Range range) const;

  int num_units() const { return units_.size(); }
  Range unit_range(UnitId unit) const { return units_[unit].range; }
  absl::string_view unit_name(UnitId unit) const { return units_[unit].name; }
  // Every unit, padding between parameters included.
  Range all() const { return {0, total_}; }

  // The registered tensors in order.
  const std::vector<Tensor>& tensors() const { return tensors_; }
  // Parameters that this rank holds, without padding.
  int64_t num_parameters() const;

  // Bytes that Allocate() takes, by kind.
  struct Bytes {
    int64_t weights = 0;  // master and low-precision copies
    int64_t gradients = 0;
    int64_t optimizer = 0;
  };
  Bytes bytes() const;

  void ZeroGradients(Stream& stream);
  // Refreshes the low-precision weights from the master; nothing in float32.
  void CastWeights(Stream& stream);

 private:
  struct Unit {
    std::string name;
    Range range;
  };
  struct Param {
    Range range;
    Shape shape;
  };

  static TensorView View(const Buffer& buffer, Range range);

  std::vector<Unit> units_;
  std::vector<Param> params_;
  std::vector<Tensor> tensors_;
  int64_t total_ = 0;
  DType precision_ = DType::kFloat32;

  Buffer master_;         // float32 [total]
  Buffer gradients_;      // float32 [total]
  Buffer moment1_;        // float32 [total]
  Buffer moment2_;        // float32 [total]
  Buffer low_precision_;  // bfloat16 [total]
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_PARAM_STORE_H_
