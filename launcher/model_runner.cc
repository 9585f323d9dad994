#include "launcher/model_runner.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "kernels/reduce.h"
#include "launcher/config.h"
#include "models/precision.h"
#include "parallel/context/zigzag.h"
#include "parallel/grad_sync.h"
#include "parallel/meta_rank_context.h"
#include "runtime/check.h"
#include "runtime/meta/meta_device.h"
#include "runtime/range.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

constexpr int64_t kUnlimitedBytes = std::numeric_limits<int64_t>::max();

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
  batch.shape = {SequencesPerPass(config), config.data().seq_len()};
  const int64_t tokens = batch.shape.num_elements();
  batch.inputs.resize(tokens);
  batch.targets.resize(tokens);
  if (config.data().document_mask()) batch.document_start.resize(tokens);
  return batch;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelRunner>> ModelRunner::Create(
    const RunConfig& config, ParamStore::Use use, RankContext& context) {
  COG_ASSIGN_OR_RETURN(ModelGroups groups, MakeModelGroups(config, context));
  auto runner = std::unique_ptr<ModelRunner>(
      new ModelRunner(config, context, std::move(groups)));
  COG_ASSIGN_OR_RETURN(runner->plan_, runner->PlanActivations(use));
  COG_ASSIGN_OR_RETURN(runner->memory_, ActivationMemory::Create(
                                            *context.device, runner->plan_));
  COG_RETURN_IF_ERROR(runner->CreatePipeline());
  COG_RETURN_IF_ERROR(runner->Allocate(use));
  return runner;
}

ModelRunner::ModelRunner(const RunConfig& config, RankContext& context,
                         ModelGroups groups)
    : config_(config),
      context_(context),
      stream_(*context.streams.compute),
      dtype_(ActivationType(config.precision())),
      recompute_(RecomputeOf(config.activation_checkpointing())),
      groups_(std::move(groups)),
      model_(config.model().cogformer(),
             ChunksOfRank(config.parallel(),
                          config.model().cogformer().num_layers(),
                          context.groups.pipeline->rank()),
             groups_.parallel, params_),
      pieces_(ZigzagPieces(config.data().seq_len(),
                           context.groups.context->size(),
                           context.groups.context->rank())),
      batch_(EmptyBatch(config)) {}

absl::StatusOr<ActivationPlan> ModelRunner::PlanActivations(
    ParamStore::Use use) const {
  RankContext meta = MakeMetaRankContext(context_.mesh, context_.rank(),
                                         PlannedType(*context_.device));
  COG_ASSIGN_OR_RETURN(ModelGroups groups, MakeModelGroups(config_, meta));
  ModelRunner runner(config_, meta, std::move(groups));
  ActivationPlan& plan = runner.plan_;
  plan.slots = use == ParamStore::Use::kTraining
                   ? NumSlots(TrainingSchedule(runner.PassShape(),
                                               meta.groups.pipeline->rank()))
                   : 0;
  // Twice: what is saved has to be known before what spills can be.
  runner.memory_ = ActivationMemory::ForPlanning(kUnlimitedBytes);
  COG_RETURN_IF_ERROR(runner.Allocate(use));
  plan.slot_bytes = runner.RunEachPass(use);
  runner.memory_ = ActivationMemory::ForPlanning(plan.slot_bytes);
  runner.AllocateShared();
  runner.RunEachPass(use);
  plan.scratch_bytes = runner.memory_->scratch().high_water_bytes();
  plan.common_bytes = runner.memory_->common().high_water_bytes();
  return plan;
}

int64_t ModelRunner::RunEachPass(ParamStore::Use use) {
  COG_CHECK_OK(Load([](int64_t, Batch&) { return absl::OkStatus(); }));
  UnitHooks no_hooks;
  Call call = {.hooks = no_hooks};
  call_ = &call;
  in_flight_.resize(1);
  Arena transit = Arena::ForPlanning();
  const TensorView boundary = transit.Allocate(dtype_, Boundary());
  const PipelineShape shape = PassShape();
  const int rank = context_.groups.pipeline->rank();
  int64_t saved = 0;
  for (int chunk = 0; chunk < shape.chunks; ++chunk) {
    const TensorView before =
        shape.IsFirst(rank, chunk) ? TensorView() : boundary;
    const TensorView after =
        shape.IsLast(rank, chunk) ? TensorView() : boundary;
    const ForwardWork forward = {
        .chunk = chunk, .input = before, .output = after};
    if (use == ParamStore::Use::kTraining) {
      Forward(forward);
      saved = std::max(saved, memory_->slot(0).used_bytes());
      Backward({.chunk = chunk, .d_output = after, .d_input = before});
    }
    Evaluate(forward);
  }
  call_ = nullptr;
  return saved;
}

ParamStore::Allocation ModelRunner::AllocationOf(ParamStore::Use use) const {
  ParamStore::Allocation allocation = {.device = *context_.device,
                                       .stream = stream_,
                                       .precision = dtype_,
                                       .use = use};
  // Passes that only find the capacities of the arenas gather no weights.
  if (pipeline_ == nullptr) return allocation;
  const Communicator& replicas = *context_.groups.replicas;
  allocation.zero_stage = static_cast<int>(config_.parallel().zero_stage());
  allocation.replicas = replicas.size();
  allocation.replica = replicas.rank();
  if (config_.deterministic() == LAYOUT_INVARIANT) {
    allocation.lanes =
        static_cast<int>(GradientLanes(config_.batch().global_batch_size()) /
                         context_.mesh.size(MeshAxis::kData));
  }
  allocation.units_at_once =
      config_.model().cogformer().tie_embeddings() ? 2 : 1;
  return allocation;
}

absl::Status ModelRunner::Allocate(ParamStore::Use use) {
  Device& device = *context_.device;
  COG_RETURN_IF_ERROR(params_.Allocate(AllocationOf(use)));
  COG_RETURN_IF_ERROR(model_.AllocateTables(device, stream_));
  const int64_t sequences =
      PassShape().micro_batches * SequencesPerPass(config_);
  COG_ASSIGN_OR_RETURN(loss_sums_,
                       Buffer::Allocate(device, sequences * sizeof(double)));
  stream_.FillZero(loss_sums_.data(), loss_sums_.bytes());
  COG_ASSIGN_OR_RETURN(loss_sums_read_,
                       HostBuffer::Allocate(device, loss_sums_.bytes()));
  AllocateShared();
  return AllocateStaging();
}

absl::Status ModelRunner::AllocateStaging() {
  const SequenceLayout layout = LayoutOf({});
  COG_ASSIGN_OR_RETURN(
      tokens_, TokenStaging::Create(*context_.device,
                                    {.micro_batches = PassShape().micro_batches,
                                     .sequences = layout.batch,
                                     .tokens = layout.seq}));
  return absl::OkStatus();
}

void ModelRunner::AllocateShared() {
  const LayerContext ctx = Context(memory_->common());
  shared_ = model_.MakeShared(ctx, LayoutOf({}), recompute_);
}

absl::Status ModelRunner::CreatePipeline() {
  const PipelineShape shape = PassShape();
  COG_ASSIGN_OR_RETURN(
      pipeline_, Pipeline::Create({.group = *context_.groups.pipeline,
                                   .compute = stream_,
                                   .boundary = Boundary(),
                                   .dtype = dtype_,
                                   .chunks = shape.chunks,
                                   .micro_batches = shape.micro_batches}));
  in_flight_.resize(plan_.slots);
  return absl::OkStatus();
}

PipelineShape ModelRunner::PassShape() const {
  return {
      .ranks = context_.groups.pipeline->size(),
      .chunks = static_cast<int>(model_.chunks().size()),
      .micro_batches = static_cast<int>(
          config_.batch().global_batch_size() /
          (context_.mesh.size(MeshAxis::kData) * SequencesPerPass(config_)))};
}

Shape ModelRunner::Boundary() const {
  const int64_t rows = LayoutOf({}).rows();
  return {groups_.parallel.HeldRows(rows).count,
          config_.model().cogformer().hidden_size()};
}

absl::Status ModelRunner::Load(LoadMicroBatch load) {
  tokens_.Restart(stream_);
  absl::Status status;
  for (int index = 0; index < micro_batches(); ++index) {
    const absl::Status loaded = load(index, batch_);
    if (!loaded.ok()) batch_ = EmptyBatch(config_);  // not what was found bad
    status.Update(loaded);
    tokens_.Put(index, batch_, pieces_);
  }
  return status;
}

void ModelRunner::Train(float gradient_scale, UnitHooks& hooks) {
  Call call = {.hooks = hooks, .gradient_scale = gradient_scale};
  call_ = &call;
  pipeline_->Train(*this);
  call_ = nullptr;
}

void ModelRunner::Evaluate(UnitHooks& hooks) {
  Call call = {.hooks = hooks};
  call_ = &call;
  pipeline_->Evaluate(*this, PassShape().micro_batches);
  call_ = nullptr;
}

void ModelRunner::Forward(const ForwardWork& work) {
  const Range range(stream_.device(), "forward");
  Arena& slot = memory_->slot(work.slot);
  const ArenaScope scope(memory_->scratch());
  CogformerChunk::ForwardArgs args = ArgsOf(work, slot);
  args.recompute = recompute_;
  args.shared = shared_;
  model_.chunks()[work.chunk].Forward(Context(slot), args, call_->hooks,
                                      in_flight_[work.slot]);
  KeepLoss(work.micro_batch, args.loss);
}

void ModelRunner::Backward(const BackwardWork& work) {
  const Range range(stream_.device(), "backward");
  Arena& slot = memory_->slot(work.slot);
  model_.chunks()[work.chunk].Backward(
      Context(slot),
      {.d_output = work.d_output, .d_input = work.d_input, .shared = shared_},
      call_->hooks, in_flight_[work.slot]);
  slot.Release(0);
}

void ModelRunner::Evaluate(const ForwardWork& work) {
  const Range range(stream_.device(), "evaluation");
  // Between steps no micro-batch is in flight: the slots are free.
  Arena& arena = plan_.slots > 0 ? memory_->slot(0) : memory_->scratch();
  const ArenaScope scratch_scope(memory_->scratch());
  const ArenaScope scope(arena);
  const LayerContext ctx = Context(arena);
  CogformerChunk::ForwardArgs args = ArgsOf(work, arena);
  args.shared = model_.MakeShared(ctx, args.layout, Recompute::kBlock);
  model_.chunks()[work.chunk].Evaluate(ctx, args, call_->hooks);
  KeepLoss(work.micro_batch, args.loss);
}

CogformerChunk::ForwardArgs ModelRunner::ArgsOf(const ForwardWork& work,
                                                Arena& kept) {
  // The head needs the targets, and no pass after it.
  Arena& scratch = memory_->scratch();
  const PipelineShape shape = PassShape();
  const int rank = context_.groups.pipeline->rank();
  CogformerChunk::ForwardArgs args = {.input = work.input,
                                      .output = work.output,
                                      .gradient_scale = call_->gradient_scale};
  if (shape.IsFirst(rank, work.chunk)) {
    args.batch.inputs = tokens_.Inputs(work.micro_batch, stream_, kept);
  }
  args.batch.document_start =
      tokens_.DocumentStarts(work.micro_batch, stream_, kept);
  args.layout = LayoutOf(args.batch.document_start);
  if (shape.IsLast(rank, work.chunk)) {
    args.batch.targets = tokens_.Targets(work.micro_batch, stream_, scratch);
    args.loss = Context(scratch).Float32({args.layout.rows()});
  }
  return args;
}

void ModelRunner::KeepLoss(int64_t micro_batch, TensorView loss) {
  // Tensor-parallel ranks know the same losses.
  if (!loss || groups_.parallel.tensor_rank() != 0) return;
  if (groups_.parallel.context_rank() == 0) {
    targets_ += tokens_.num_targets(micro_batch);
  }
  // One sum a sequence, so that no sum depends on how these are dealt out.
  const int64_t sequences = SequencesPerPass(config_);
  const int64_t tokens = loss.num_elements() / sequences;
  const TensorView sums = loss_sums_.View(DType::kFloat64);
  for (int64_t i = 0; i < sequences; ++i) {
    Sum(stream_, {.out = sums.Slice(0, micro_batch * sequences + i, 1),
                  .x = loss.Slice(0, i * tokens, tokens),
                  .accumulate = true});
  }
}

void ModelRunner::ReadLoss() {
  stream_.Copy(loss_sums_read_.data(), loss_sums_.data(), loss_sums_.bytes());
  stream_.FillZero(loss_sums_.data(), loss_sums_.bytes());
}

ModelRunner::Loss ModelRunner::TakeLoss() {
  tokens_.ForgetCopies();
  Loss loss = {.targets = std::exchange(targets_, 0)};
  for (const double sum : loss_sums_read_.As<double>()) loss.sum.Add(sum);
  return loss;
}

int64_t ModelRunner::buffer_bytes() const {
  return model_.table_bytes() + loss_sums_.bytes();
}

SequenceLayout ModelRunner::LayoutOf(TensorView document_start) const {
  int64_t tokens = 0;
  for (const Piece& piece : pieces_) tokens += piece.length;
  SequenceLayout layout = model_.Layout(SequencesPerPass(config_), tokens);
  layout.pieces = pieces_;
  layout.document_start = document_start;
  return layout;
}

LayerContext ModelRunner::Context(Arena& arena) {
  return {.stream = stream_,
          .arena = arena,
          .params = params_,
          .dtype = dtype_,
          .parallel = groups_.parallel};
}

}  // namespace cogdist
