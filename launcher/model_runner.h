// The part of the network on one rank: its parameters, its activation memory
// and the passes over the micro-batches of a step, which go through the
// pipeline. Training, evaluation and memory planning share it.

#ifndef COGDIST_LAUNCHER_MODEL_RUNNER_H_
#define COGDIST_LAUNCHER_MODEL_RUNNER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launcher/activation_memory.h"
#include "launcher/token_staging.h"
#include "models/cogformer.h"
#include "models/model_groups.h"
#include "parallel/param_store.h"
#include "parallel/pipeline/pipeline.h"
#include "parallel/pipeline/stage.h"
#include "parallel/rank_context.h"
#include "proto/run_config.pb.h"
#include "runtime/buffer.h"
#include "runtime/data/batch_loader.h"
#include "runtime/exact_sum.h"
#include "runtime/host_buffer.h"

namespace cogdist {

class ModelRunner : private Stage {
 public:
  // Fills in micro-batch `index` (from 0) of this rank's share of a step: whole
  // sequences, of which the runner takes this rank's tokens.
  using LoadMicroBatch =
      absl::FunctionRef<absl::Status(int64_t index, Batch& batch)>;

  // Allocates everything on the context's device; the parameters are zero.
  // Collective. `config` (resolved and valid) and `context` outlive the runner.
  static absl::StatusOr<std::unique_ptr<ModelRunner>> Create(
      const RunConfig& config, ParamStore::Use use, RankContext& context);

  // Waits for what uses its memory.
  ~ModelRunner() override { stream_.Synchronize(); }

  ParamStore& params() { return params_; }
  const ModelGroups& groups() const { return groups_; }
  const ActivationPlan& activation_plan() const { return plan_; }
  const Pipeline& pipeline() const { return *pipeline_; }
  Pipeline& pipeline() { return *pipeline_; }
  // Of a step, for this rank.
  int micro_batches() const { return PassShape().micro_batches; }
  // Device memory for constant tables and sums.
  int64_t buffer_bytes() const;

  // The micro-batches of the next step or evaluation. After an error the passes
  // are made all the same, and what they compute means nothing: other ranks
  // must not be left waiting.
  absl::Status Load(LoadMicroBatch load);
  // Forward and backward passes of one step; gradients and the loss sum
  // accumulate. The gradients are those of `gradient_scale` times the sum.
  void Train(float gradient_scale, UnitHooks& hooks);
  // Forward passes alone of as many micro-batches as a step has; the loss sum
  // accumulates.
  void Evaluate(UnitHooks& hooks);

  // Of several ranks with the same targets one reports them, so that the sum
  // over all ranks counts each once.
  struct Loss {
    ExactSum sum;  // of the cross-entropies
    int64_t targets = 0;
  };
  // Enqueues the copy of the loss since the last call to the host.
  void ReadLoss();
  // What the last ReadLoss() has read. REQUIRES: the host has waited for it.
  Loss TakeLoss();

 private:
  // What the callbacks of the pipeline need of the call that it runs in.
  struct Call {
    UnitHooks& hooks;
    float gradient_scale = 1;
  };

  ModelRunner(const RunConfig& config, RankContext& context,
              ModelGroups groups);

  // Finds the capacities, by running passes of a rank like this one on a meta
  // device.
  absl::StatusOr<ActivationPlan> PlanActivations(ParamStore::Use use) const;
  // Every kind of pass once; the bytes that a slot then holds between a forward
  // and a backward pass.
  int64_t RunEachPass(ParamStore::Use use);
  ParamStore::Allocation AllocationOf(ParamStore::Use use) const;
  absl::Status Allocate(ParamStore::Use use);
  void AllocateShared();
  absl::Status AllocateStaging();
  absl::Status CreatePipeline();

  void Forward(const ForwardWork& work) override;
  void Backward(const BackwardWork& work) override;
  void Evaluate(const ForwardWork& work) override;

  // Uploads what the chunk needs of them: to `kept` what its backward pass
  // needs, too.
  CogformerChunk::ForwardArgs ArgsOf(const ForwardWork& work, Arena& kept);
  void KeepLoss(int64_t micro_batch, TensorView loss);

  PipelineShape PassShape() const;
  Shape Boundary() const;  // of the tensor between two chunks
  SequenceLayout LayoutOf(TensorView document_start) const;
  LayerContext Context(Arena& arena);

  const RunConfig& config_;
  RankContext& context_;
  Stream& stream_;
  const DType dtype_;
  const Recompute recompute_;
  ModelGroups groups_;
  ParamStore params_;
  Cogformer model_;
  ActivationPlan plan_;
  std::unique_ptr<ActivationMemory> memory_;
  std::unique_ptr<Pipeline> pipeline_;
  Block::Shared shared_;
  std::vector<CogformerChunk::Saved> in_flight_;  // by slot
  const std::vector<Piece> pieces_;  // this rank's tokens of each sequence
  Batch batch_;                      // whole sequences
  TokenStaging tokens_;              // this rank's
  Buffer loss_sums_;                 // float64 [sequences of a step]
  HostBuffer loss_sums_read_;
  int64_t targets_ = 0;
  Call* call_ = nullptr;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_MODEL_RUNNER_H_
