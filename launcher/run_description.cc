#include "launcher/run_description.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "launcher/config.h"
#include "models/cost.h"

namespace cogdist {
namespace {

// "8 ranks: data 2 (ZeRO 1), tensor 2 (sequence parallel), pipeline 2"
std::string DescribeMesh(const ParallelConfig& parallel, const Mesh& mesh) {
  const int ranks = mesh.world_size();
  std::string text = absl::StrCat(ranks, ranks == 1 ? " rank" : " ranks",
                                  ": data ", mesh.size(MeshAxis::kData));
  if (parallel.zero_stage() > 0) {
    absl::StrAppend(&text, " (ZeRO ", parallel.zero_stage(), ")");
  }
  const auto axis = [&](absl::string_view name, MeshAxis which, bool marked,
                        absl::string_view mark) {
    if (mesh.size(which) == 1) return;
    absl::StrAppend(&text, ", ", name, " ", mesh.size(which));
    if (marked) absl::StrAppend(&text, " (", mark, ")");
  };
  axis("tensor", MeshAxis::kTensor, parallel.sequence_parallel(),
       "sequence parallel");
  axis("context", MeshAxis::kContext, false, "");
  axis("pipeline", MeshAxis::kPipeline, parallel.virtual_pipeline() > 1,
       absl::StrCat(parallel.virtual_pipeline(), " chunks a rank"));
  return text;
}

std::string DescribeLayout(const RunConfig& config, const RunLayout& layout) {
  std::string text =
      absl::StrCat(DescribeMesh(config.parallel(), layout.mesh), "; ");
  if (layout.threads > 0) {
    absl::StrAppend(&text, layout.threads,
                    layout.threads == 1 ? " thread" : " threads", " a rank; ");
  }
  absl::StrAppend(&text, Name(layout.device), ", ",
                  Precision_Name(config.precision()));
  if (config.deterministic() == LAYOUT_INVARIANT) {
    absl::StrAppend(&text, ", layout-invariant");
  }
  return text;
}

std::vector<ByteCount> MemoryByKind(const MemoryPlan& plan) {
  return {{"weights", plan.weights},
          {"gradients", plan.gradients},
          {"optimizer", plan.optimizer},
          {"activations", plan.activations},
          {"workspace", plan.workspace},
          {"buffers", plan.buffers},
          {"communication", plan.communication},
          {"checkpoint", plan.checkpoint}};
}

std::vector<ByteCount> TrafficByKind(const CommunicationPlan& plan) {
  return {{"data", plan.data},
          {"tensor", plan.tensor},
          {"context", plan.context},
          {"pipeline", plan.pipeline},
          {"shared tensors", plan.shared}};
}

}  // namespace

std::string DescribeModel(const CogformerConfig& model) {
  const bool cog = model.attention().kind() == AttentionConfig::COG;
  return absl::StrCat(cog ? "Cogformer" : "softmax Transformer", ", ",
                      model.num_layers(), " layers, hidden ",
                      model.hidden_size(), ", ", model.num_heads(),
                      " heads of ", model.head_dim(), ", ffn ",
                      model.ffn_size(), ", vocabulary ", model.vocab_size());
}

StartSummary DescribeRun(const RunConfig& config, const RunLayout& layout,
                         absl::Span<const StepPlan> plans) {
  const CogformerConfig& model = config.model().cogformer();
  const int64_t data = layout.mesh.size(MeshAxis::kData);
  const int64_t sequences = SequencesPerPass(config);
  StartSummary summary = {
      .name = config.name(),
      .model = DescribeModel(model),
      .layout = DescribeLayout(config, layout),
      .parameters = ParameterCount(model),
      .flops_per_token = TrainingFlopsPerToken(model, config.data().seq_len()),
      .micro_batch_size = sequences,
      .accumulation_steps =
          config.batch().global_batch_size() / (data * sequences),
      .data_parallel = data,
      .seq_len = config.data().seq_len(),
      .train_steps = config.train_steps(),
      .run_dir = config.run_dir()};
  for (const StepPlan& plan : plans) {
    summary.memory.push_back(MemoryByKind(plan.memory));
    summary.traffic.push_back(TrafficByKind(plan.communication));
  }
  return summary;
}

}  // namespace cogdist
