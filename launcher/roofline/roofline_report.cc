#include "launcher/roofline/roofline_report.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "launcher/human_format.h"
#include "launcher/roofline/attention_cost.h"
#include "launcher/roofline/roofline.h"

namespace cogdist {
namespace {

// Forward on an H100 with mma.sync and 16,384 keys; docs/performance.md.
double AttentionTarget(const GpuSpec& gpu, const AttentionShape& shape) {
  if (gpu.name != "H100" || shape.seq != 16384) return 0;
  return shape.head_dim == 64 ? 280e12 : 330e12;
}

std::string Sizes(const AttentionShape& shape) {
  return absl::StrCat(" d", shape.head_dim, " T", shape.seq);
}

void AddAttention(const GpuSpec& gpu, const AttentionShape& shape,
                  std::vector<RooflineRow>& rows) {
  const ScoreInstructions cog = CogInstructions(gpu.architecture);
  const std::string sizes = absl::StrCat(" d", shape.head_dim, " T", shape.seq);
  rows.push_back({.what = absl::StrCat("attention forward", Sizes(shape)),
                  .cost = AttentionForwardCost(shape, kCogMmaSync, cog),
                  .target_flops = AttentionTarget(gpu, shape)});
  rows.push_back({.what = absl::StrCat("attention backward", Sizes(shape)),
                  .cost = AttentionBackwardCost(shape, kCogMmaSync, cog)});
}

// What a kernel for Hopper alone would reach.
void AddWgmma(const GpuSpec& gpu, const AttentionShape& shape,
              std::vector<RooflineRow>& rows) {
  if (gpu.architecture != GpuArchitecture::kSm90) return;
  rows.push_back(
      {.what = absl::StrCat("  by wgmma, which is not built", Sizes(shape)),
       .cost = AttentionForwardCost(shape, kFlashAttention3,
                                    CogInstructions(gpu.architecture))});
}

void AddElementwise(const KernelShapes& shapes,
                    std::vector<RooflineRow>& table) {
  constexpr DType kType = DType::kBFloat16;
  const int64_t rows = shapes.rows, hidden = shapes.hidden;
  std::pair<absl::string_view, KernelCost> kernels[] = {
      {"rmsnorm forward", RmsNormForwardCost(rows, hidden, kType)},
      {"rmsnorm backward", RmsNormBackwardCost(rows, hidden, kType)},
      {"layernorm forward", LayerNormForwardCost(rows, hidden, kType)},
      {"layernorm backward", LayerNormBackwardCost(rows, hidden, kType)},
      {"rope", RopeCost(rows, hidden, rows, shapes.head_dims.back(), kType)},
      {"swiglu forward", SwiGluForwardCost(rows, shapes.ffn, kType)},
      {"swiglu backward", SwiGluBackwardCost(rows, shapes.ffn, kType)},
      {"gelu forward", GeluForwardCost(rows, shapes.ffn, kType)},
      {"gelu backward", GeluBackwardCost(rows, shapes.ffn, kType)},
      {"embedding forward", EmbeddingForwardCost(rows, hidden, kType)},
      {"embedding backward",
       EmbeddingBackwardCost(rows, hidden, shapes.vocab, kType)},
      {"cross-entropy", CrossEntropyCost(rows, shapes.vocab, kType)},
      {"adamw", AdamWCost(shapes.parameters, /*bfloat16_weight=*/true)},
      {"cast float32 to bfloat16",
       CastCost(shapes.parameters, DType::kFloat32, kType)},
      {"column sum", ColumnSumCost(rows, hidden, kType)},
      {"gradient norm", ChunkSumsCost(shapes.parameters)},
  };
  for (const auto& [name, cost] : kernels) {
    table.push_back({.what = std::string(name), .cost = cost});
  }
}

// "989 TFLOP"
std::string WithUnit(double count, absl::string_view unit) {
  std::string text = FormatCount(count);
  if (absl::ascii_isalpha(text.back())) text.insert(text.end() - 1, ' ');
  return absl::StrCat(text, unit);
}

std::string Rate(double per_second, absl::string_view unit) {
  return absl::StrCat(WithUnit(per_second, unit), "/s");
}

std::string FormatRow(const GpuSpec& gpu, const RooflineRow& row) {
  const Prediction prediction = Predict(row.cost, gpu);
  const bool by_bytes = row.cost.path == ProductPath::kNone;
  const double rate =
      (by_bytes ? row.cost.bytes : row.cost.flops) / prediction.seconds;
  const double peak = by_bytes ? gpu.memory_bytes_per_second : gpu.bf16_flops;
  return absl::StrFormat(
      "%-42s %6s %6s  %-12s %9.3f %9.3f  %12s %7s  %s\n", row.what,
      row.cost.flops > 0 ? FormatCount(row.cost.flops) : "",
      FormatCount(row.cost.bytes), Name(prediction.bound),
      1e3 * prediction.bound_seconds, 1e3 * prediction.seconds,
      Rate(rate, by_bytes ? "B" : "FLOP"), FormatPercent(rate / peak),
      row.target_flops > 0 ? absl::StrCat(">= ", Rate(row.target_flops, "FLOP"))
                           : "");
}

}  // namespace

std::vector<RooflineRow> RooflineRows(const GpuSpec& gpu,
                                      const KernelShapes& shapes) {
  std::vector<RooflineRow> rows;
  for (const int64_t head_dim : shapes.head_dims) {
    const int64_t heads = shapes.hidden / head_dim;
    AttentionShape shape;
    for (const int64_t seq : shapes.seqs) {
      shape = {.batch = shapes.tokens / seq,
               .heads = heads,
               .kv_heads = heads,
               .seq = seq,
               .head_dim = head_dim};
      AddAttention(gpu, shape, rows);
    }
    AddWgmma(gpu, shape, rows);
  }
  for (const LayerProduct& product : LayerProducts(shapes, DType::kBFloat16)) {
    rows.push_back({.what = absl::StrCat("matmul ", product.name),
                    .cost = MatMulCost(product.shape)});
  }
  AddElementwise(shapes, rows);
  return rows;
}

std::string FormatRoofline(const GpuSpec& gpu,
                           const std::vector<RooflineRow>& rows) {
  std::string text = absl::StrFormat(
      "%s: %d SMs, %s in bfloat16, %s in float32, memory %s at %s, L2 %s, "
      "NVLink %s\n",
      gpu.product, gpu.sms, Rate(gpu.bf16_flops, "FLOP"),
      Rate(gpu.fp32_flops, "FLOP"), WithUnit(gpu.memory_bytes, "B"),
      Rate(gpu.memory_bytes_per_second, "B"),
      FormatBytes(static_cast<int64_t>(gpu.l2_bytes)),
      Rate(gpu.link_bytes_per_second, "B"));
  absl::StrAppendFormat(&text, "%-42s %6s %6s  %-12s %9s %9s  %12s %7s  %s\n",
                        "", "FLOP", "bytes", "bound by", "least, ms",
                        "predicted", "rate", "of peak", "target");
  for (const RooflineRow& row : rows) text += FormatRow(gpu, row);
  return text;
}

}  // namespace cogdist
