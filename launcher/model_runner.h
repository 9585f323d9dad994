// A network on one device: its parameters, its activation memory and the passes
// over one micro-batch. Training, evaluation and memory planning share it; on a
// meta device it computes nothing and yields the plan.

#ifndef COGDIST_LAUNCHER_MODEL_RUNNER_H_
#define COGDIST_LAUNCHER_MODEL_RUNNER_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "models/cogformer.h"
#include "parallel/param_store.h"
#include "proto/run_config.pb.h"
#include "runtime/arena.h"
#include "runtime/buffer.h"
#include "runtime/data/batch_loader.h"
#include "runtime/device.h"
#include "runtime/stream.h"

namespace cogdist {

// Device memory of one rank in bytes, by kind.
struct MemoryPlan {
  int64_t weights = 0;
  int64_t gradients = 0;
  int64_t optimizer = 0;
  int64_t activations = 0;    // the arena, batch included
  int64_t workspace = 0;      // scratch memory of kernels
  int64_t buffers = 0;        // constant tables and sums
  int64_t communication = 0;  // scratch memory of collectives

  int64_t total() const {
    return weights + gradients + optimizer + activations + workspace + buffers +
           communication;
  }
};

class ModelRunner {
 public:
  // The ranks with the same parameters, and this one's place among them.
  struct Replicas {
    int size = 1;
    int rank = 0;
  };
  // Allocates everything on `device`, as planned; the parameters are zero. The
  // device and the stream must outlive the runner.
  static absl::StatusOr<std::unique_ptr<ModelRunner>> Create(
      const RunConfig& config, ParamStore::Use use, Device& device,
      Stream& stream, const Replicas& replicas);
  // Alone.
  static absl::StatusOr<std::unique_ptr<ModelRunner>> Create(
      const RunConfig& config, ParamStore::Use use, Device& device,
      Stream& stream) {
    return Create(config, use, device, stream, Replicas{});
  }

  // What Create() would allocate, found by running a step on a meta device.
  static absl::StatusOr<MemoryPlan> Plan(const RunConfig& config,
                                         ParamStore::Use use);

  ParamStore& params() { return params_; }
  const MemoryPlan& plan() const { return plan_; }

  // Forward and backward of one micro-batch; gradients and the loss sum
  // accumulate. The gradients are those of `gradient_scale` times the sum.
  // `batch` may be reused after the return.
  void Train(const Batch& batch, float gradient_scale, UnitHooks& hooks);
  // Forward alone; the loss sum accumulates.
  void Evaluate(const Batch& batch);

  // The sum of the cross-entropies since the last call; waits for the stream.
  double TakeLossSum();

 private:
  ModelRunner(const RunConfig& config, Stream& stream, Arena arena);

  absl::Status AllocateBuffers(Device& device, ParamStore::Use use,
                               const Replicas& replicas);
  TokenBatch Upload(const Batch& batch);
  // Absent where `values` is empty.
  TensorView Upload(const std::vector<int32_t>& values, const Shape& shape);
  SequenceLayout LayoutOf(const TokenBatch& batch) const;
  void AddToLossSum(TensorView loss);
  LayerContext Context();

  DType dtype_;
  Recompute recompute_;
  Stream& stream_;
  Arena arena_;
  ParamStore params_;
  Cogformer model_;
  CogformerChunk::Saved saved_;
  Buffer loss_sum_;  // float64 [1]
  MemoryPlan plan_;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_MODEL_RUNNER_H_
