#include "launcher/run_description.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "models/cost.h"

namespace cogdist {
namespace {

std::string DescribeModel(const CogformerConfig& model) {
  const bool cog = model.attention().kind() == AttentionConfig::COG;
  return absl::StrCat(cog ? "Cogformer" : "softmax Transformer", ", ",
                      model.num_layers(), " layers, hidden ",
                      model.hidden_size(), ", ", model.num_heads(),
                      " heads of ", model.head_dim(), ", ffn ",
                      model.ffn_size(), ", vocabulary ", model.vocab_size());
}

std::string DescribeLayout(const RunConfig& config, const RunLayout& layout) {
  std::string text =
      absl::StrCat(layout.ranks, layout.ranks == 1 ? " rank" : " ranks",
                   ": data ", layout.data_parallel, "; ");
  if (layout.threads > 0) {
    absl::StrAppend(&text, layout.threads,
                    layout.threads == 1 ? " thread" : " threads", " a rank; ");
  }
  absl::StrAppend(&text, "CPU, ", Precision_Name(config.precision()));
  return text;
}

std::vector<MemoryItem> MemoryItems(const MemoryPlan& plan) {
  return {{"weights", plan.weights},
          {"gradients", plan.gradients},
          {"optimizer", plan.optimizer},
          {"activations", plan.activations},
          {"workspace", plan.workspace},
          {"buffers", plan.buffers},
          {"communication", plan.communication}};
}

}  // namespace

StartSummary DescribeRun(const RunConfig& config, const RunLayout& layout,
                         const MemoryPlan& memory) {
  const CogformerConfig& model = config.model().cogformer();
  const BatchConfig& batch = config.batch();
  return {
      .name = config.name(),
      .model = DescribeModel(model),
      .layout = DescribeLayout(config, layout),
      .parameters = ParameterCount(model),
      .flops_per_token = TrainingFlopsPerToken(model, config.data().seq_len()),
      .micro_batch_size = batch.micro_batch_size(),
      .accumulation_steps = batch.global_batch_size() /
                            (layout.data_parallel * batch.micro_batch_size()),
      .data_parallel = layout.data_parallel,
      .seq_len = config.data().seq_len(),
      .train_steps = config.train_steps(),
      .memory = MemoryItems(memory),
      .run_dir = config.run_dir()};
}

}  // namespace cogdist
