#include "launcher/checkpoint_text.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "launcher/human_format.h"
#include "launcher/run_description.h"
#include "parallel/checkpoint/checkpoint_slices.h"
#include "parallel/checkpoint/manifest_check.h"

namespace cogdist {
namespace {

// "3", or "0-2, 5": shards that have something of the tensor.
std::string ShardsText(const CheckpointTensor& tensor) {
  std::set<uint32_t> shards;
  for (const CheckpointSlice& slice : tensor.slices()) {
    shards.insert(slice.shard());
  }
  std::vector<std::string> ranges;
  for (auto it = shards.begin(); it != shards.end();) {
    const uint32_t first = *it;
    uint32_t last = first;
    while (++it != shards.end() && *it == last + 1) ++last;
    ranges.push_back(first == last ? absl::StrCat(first)
                                   : absl::StrCat(first, "-", last));
  }
  return absl::StrJoin(ranges, ", ");
}

std::string ConfigText(const RunConfig& config) {
  return absl::StrFormat(
      "%s, %d sequences of %d tokens a step, peak lr %g, %d steps in all",
      Precision_Name(config.precision()), config.batch().global_batch_size(),
      config.data().seq_len(), config.lr_schedule().peak_lr(),
      config.train_steps());
}

std::string HeadText(const StoredCheckpoint& checkpoint) {
  const CheckpointManifest& manifest = checkpoint.manifest;
  const CheckpointTrainState& state = manifest.train_state();
  std::string text = absl::StrCat(checkpoint.path, "\n");
  AddRow(text, "step",
         absl::StrCat(state.step(), ", ", state.optimizer_updates(),
                      " updates of the optimizer"));
  AddRow(text, "seen",
         absl::StrCat(FormatCount(static_cast<double>(state.tokens())),
                      " tokens in ", state.samples(), " sequences; seed ",
                      state.seed()));
  const RunConfig& config = manifest.config();
  AddRow(text, "run", config.name());
  if (config.model().has_cogformer()) {
    AddRow(text, "model", DescribeModel(config.model().cogformer()));
  }
  AddRow(text, "training", ConfigText(config));
  AddRow(text, "layout", LayoutText(manifest.layout()));
  AddRow(text, "written by",
         absl::StrCat(manifest.program_version(), ", attempt ",
                      manifest.attempt()));
  AddRow(text, "format",
         absl::StrCat(manifest.format_version(), ", checksums of ",
                      FormatBytes(manifest.chunk_bytes()), "; save ",
                      manifest.save_id()));
  AddRow(text, "size",
         absl::StrCat(FormatBytes(ShardBytes(manifest)), " in ",
                      manifest.shards_size(), " shards, ",
                      manifest.tensors_size(), " tensors"));
  return text;
}

int64_t BytesOf(const CheckpointTensor& tensor) {
  int64_t bytes = 0;
  for (const CheckpointSlice& slice : tensor.slices()) bytes += slice.bytes();
  return bytes;
}

std::string RoleText(const CheckpointTensor& tensor) {
  return absl::AsciiStrToLower(CheckpointRole_Name(tensor.role()));
}

std::string TypeText(const CheckpointTensor& tensor) {
  return absl::AsciiStrToLower(CheckpointDType_Name(tensor.dtype()));
}

}  // namespace

int64_t ShardBytes(const CheckpointManifest& manifest) {
  int64_t bytes = 0;
  for (const CheckpointShard& shard : manifest.shards()) bytes += shard.bytes();
  return bytes;
}

std::string LayoutText(const CheckpointLayout& layout) {
  const int64_t ranks = layout.world_size();
  std::string text = absl::StrCat(ranks, ranks == 1 ? " rank" : " ranks",
                                  ": data ", layout.data());
  if (layout.zero_stage() > 0) {
    absl::StrAppend(&text, " (ZeRO ", layout.zero_stage(), ")");
  }
  const auto axis = [&](absl::string_view name, int64_t size) {
    if (size > 1) absl::StrAppend(&text, ", ", name, " ", size);
  };
  axis("tensor", layout.tensor());
  axis("context", layout.context());
  axis("pipeline", layout.pipeline());
  return text;
}

std::string DescribeCheckpoint(const StoredCheckpoint& checkpoint) {
  const CheckpointManifest& manifest = checkpoint.manifest;
  std::string text = HeadText(checkpoint);
  absl::StrAppendFormat(&text, "\n  %5s  %-5s  %10s  %s\n", "shard", "rank",
                        "size", "file");
  for (int i = 0; i < manifest.shards_size(); ++i) {
    const CheckpointShard& shard = manifest.shards(i);
    absl::StrAppendFormat(&text, "  %5d  %-5d  %10s  %s\n", i,
                          shard.writer_rank(), FormatBytes(shard.bytes()),
                          shard.path());
  }
  absl::StrAppendFormat(&text, "\n  %-6s  %-7s  %-16s  %10s  %-10s  %s\n",
                        "role", "dtype", "shape", "size", "shards", "tensor");
  for (const CheckpointTensor& tensor : manifest.tensors()) {
    absl::StrAppendFormat(
        &text, "  %-6s  %-7s  %-16s  %10s  %-10s  %s\n", RoleText(tensor),
        TypeText(tensor), ShapeOf(tensor).ToString(),
        FormatBytes(BytesOf(tensor)), ShardsText(tensor), tensor.name());
  }
  return text;
}

std::string DescribeTensor(const CheckpointManifest& manifest,
                           const CheckpointTensor& tensor,
                           const ValueStatistics& values) {
  std::string text =
      absl::StrCat(CheckpointTensorName(tensor.name(), tensor.role()), "\n");
  AddRow(text, "stored as",
         absl::StrCat(RoleText(tensor), ", ", TypeText(tensor), " ",
                      ShapeOf(tensor).ToString(), ", ",
                      FormatBytes(BytesOf(tensor))));
  for (const CheckpointSlice& slice : tensor.slices()) {
    AddRow(text, "slice",
           absl::StrFormat(
               "box [%s] at [%s], elements %d to %d, byte %d of %s",
               absl::StrJoin(slice.extent(), ", "),
               absl::StrJoin(slice.offset(), ", "), slice.begin(),
               slice.begin() + slice.bytes() / int64_t{sizeof(float)} - 1,
               slice.file_offset(), manifest.shards(slice.shard()).path()));
  }
  AddRow(text, "values",
         absl::StrFormat("%d, %d not finite, %d zero", values.count,
                         values.not_finite, values.zeros));
  if (values.not_finite == values.count) return text;
  AddRow(text, "min", absl::StrFormat("%.9g", values.min));
  AddRow(text, "max", absl::StrFormat("%.9g", values.max));
  AddRow(text, "mean", absl::StrFormat("%.9g", values.mean()));
  AddRow(text, "rms", absl::StrFormat("%.9g", values.rms()));
  return text;
}

}  // namespace cogdist
