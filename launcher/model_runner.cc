#include "launcher/model_runner.h"

#include <utility>
#include <vector>

#include "kernels/reduce.h"
#include "models/precision.h"
#include "runtime/meta/meta_device.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

Recompute RecomputeOf(ActivationCheckpointing mode) {
  switch (mode) {
    case SELECTIVE:
      return Recompute::kSelective;
    case FULL:
      return Recompute::kBlock;
    case NONE:
      break;
  }
  return Recompute::kNothing;
}

// A micro-batch of the run's shape; its contents do not matter.
Batch EmptyBatch(const RunConfig& config) {
  Batch batch;
  batch.shape = {config.batch().micro_batch_size(), config.data().seq_len()};
  const int64_t tokens = batch.shape.num_elements();
  batch.inputs.resize(tokens);
  batch.targets.resize(tokens);
  if (config.data().document_mask()) batch.document_start.resize(tokens);
  return batch;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelRunner>> ModelRunner::Create(
    const RunConfig& config, ParamStore::Use use, Device& device,
    Stream& stream, const Replicas& replicas) {
  COG_ASSIGN_OR_RETURN(const MemoryPlan plan, Plan(config, use));
  COG_ASSIGN_OR_RETURN(Arena arena, Arena::Create(device, plan.activations));
  auto runner = std::unique_ptr<ModelRunner>(
      new ModelRunner(config, stream, std::move(arena)));
  COG_RETURN_IF_ERROR(runner->AllocateBuffers(device, use, replicas));
  stream.Workspace(plan.workspace);
  runner->plan_ = plan;
  return runner;
}

absl::StatusOr<MemoryPlan> ModelRunner::Plan(const RunConfig& config,
                                             ParamStore::Use use) {
  MetaDevice device;
  MetaStream stream(device);
  ModelRunner runner(config, stream, Arena::ForPlanning());
  COG_RETURN_IF_ERROR(runner.AllocateBuffers(device, use, {}));
  const Batch batch = EmptyBatch(config);
  if (use == ParamStore::Use::kTraining) {
    UnitHooks no_hooks;
    runner.Train(batch, 1, no_hooks);
  }
  runner.Evaluate(batch);
  const ParamStore::Bytes bytes = runner.params_.bytes();
  return MemoryPlan{.weights = bytes.weights,
                    .gradients = bytes.gradients,
                    .optimizer = bytes.optimizer,
                    .activations = runner.arena_.high_water_bytes(),
                    .workspace = stream.workspace_bytes(),
                    .buffers = device.memory().peak_bytes - bytes.weights -
                               bytes.gradients - bytes.optimizer};
}

ModelRunner::ModelRunner(const RunConfig& config, Stream& stream, Arena arena)
    : dtype_(ActivationType(config.precision())),
      recompute_(RecomputeOf(config.activation_checkpointing())),
      stream_(stream),
      arena_(std::move(arena)),
      model_(config.model().cogformer(), params_) {}

absl::Status ModelRunner::AllocateBuffers(Device& device, ParamStore::Use use,
                                          const Replicas& replicas) {
  COG_RETURN_IF_ERROR(params_.Allocate({.device = device,
                                        .stream = stream_,
                                        .precision = dtype_,
                                        .use = use,
                                        .replicas = replicas.size,
                                        .replica = replicas.rank}));
  COG_RETURN_IF_ERROR(model_.AllocateTables(device, stream_));
  COG_ASSIGN_OR_RETURN(loss_sum_, Buffer::Allocate(device, sizeof(double)));
  stream_.FillZero(loss_sum_.data(), loss_sum_.bytes());
  return absl::OkStatus();
}

void ModelRunner::Train(const Batch& batch, float gradient_scale,
                        UnitHooks& hooks) {
  const ArenaScope scope(arena_);
  const TokenBatch tokens = Upload(batch);
  const LayerContext ctx = Context();
  const TensorView loss = ctx.Float32({batch.shape.num_elements()});
  const SequenceLayout layout = LayoutOf(tokens);
  const Block::Shared shared = model_.MakeShared(ctx, layout, recompute_);
  model_.chunks()[0].Forward(ctx,
                             {.batch = tokens,
                              .layout = layout,
                              .loss = loss,
                              .gradient_scale = gradient_scale,
                              .recompute = recompute_,
                              .shared = shared},
                             hooks, saved_);
  AddToLossSum(loss);
  model_.chunks()[0].Backward(ctx, {.shared = shared}, hooks, saved_);
}

void ModelRunner::Evaluate(const Batch& batch) {
  const ArenaScope scope(arena_);
  const TokenBatch tokens = Upload(batch);
  const LayerContext ctx = Context();
  const TensorView loss = ctx.Float32({batch.shape.num_elements()});
  const SequenceLayout layout = LayoutOf(tokens);
  UnitHooks no_hooks;
  model_.chunks()[0].Evaluate(
      ctx,
      {.batch = tokens,
       .layout = layout,
       .loss = loss,
       .shared = model_.MakeShared(ctx, layout, Recompute::kBlock)},
      no_hooks);
  AddToLossSum(loss);
}

double ModelRunner::TakeLossSum() {
  double sum = 0;
  stream_.Copy(&sum, loss_sum_.data(), sizeof(sum));
  stream_.FillZero(loss_sum_.data(), sizeof(sum));
  stream_.Synchronize();
  return sum;
}

SequenceLayout ModelRunner::LayoutOf(const TokenBatch& batch) const {
  SequenceLayout layout =
      model_.Layout(batch.inputs.dim(0), batch.inputs.dim(1));
  layout.document_start = batch.document_start;
  return layout;
}

TokenBatch ModelRunner::Upload(const Batch& batch) {
  return {.inputs = Upload(batch.inputs, batch.shape),
          .targets = Upload(batch.targets, batch.shape),
          .document_start = Upload(batch.document_start, batch.shape)};
}

TensorView ModelRunner::Upload(const std::vector<int32_t>& values,
                               const Shape& shape) {
  if (values.empty()) return TensorView();
  COG_CHECK_EQ(static_cast<int64_t>(values.size()), shape.num_elements());
  const TensorView tensor = arena_.Allocate(DType::kInt32, shape);
  stream_.Copy(tensor.data, values.data(), tensor.bytes());
  return tensor;
}

void ModelRunner::AddToLossSum(TensorView loss) {
  Sum(stream_,
      {.out = loss_sum_.View(DType::kFloat64), .x = loss, .accumulate = true});
}

LayerContext ModelRunner::Context() {
  return {
      .stream = stream_, .arena = arena_, .params = params_, .dtype = dtype_};
}

}  // namespace cogdist
