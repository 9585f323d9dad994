#include "parallel/weight_parts.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "runtime/check.h"

namespace cogdist {
namespace {

// A line: name, index, range, sharded dimension, held range, whole shape,
// separated by tabs; a held range of -1 is the whole.
std::string Encode(const NamedTensor& tensor, int index, ElementRange range) {
  const ElementRange held = tensor.held.value_or(ElementRange{-1, -1});
  return absl::StrCat(tensor.name, "\t", index, "\t", range.begin, "\t",
                      range.count, "\t", tensor.sharded_dim, "\t", held.begin,
                      "\t", held.count, "\t",
                      absl::StrJoin(tensor.shape.dims(), "\t"), "\n");
}

WeightPart Decode(absl::string_view line, int rank) {
  const std::vector<absl::string_view> fields = absl::StrSplit(line, '\t');
  std::vector<int64_t> numbers(fields.size() - 1);
  for (size_t i = 0; i < numbers.size(); ++i) {
    COG_CHECK(absl::SimpleAtoi(fields[i + 1], &numbers[i]), line);
  }
  constexpr size_t kBeforeShape = 6;
  COG_CHECK_GE(numbers.size(), kBeforeShape);
  WeightPart part = {
      .rank = rank,
      .index = static_cast<int>(numbers[0]),
      .tensor = {.name = std::string(fields[0]),
                 .shape =
                     Shape(absl::MakeConstSpan(numbers).subspan(kBeforeShape)),
                 .sharded_dim = static_cast<int>(numbers[3])},
      .range = {numbers[1], numbers[2]}};
  if (numbers[4] >= 0) part.tensor.held = {numbers[4], numbers[5]};
  return part;
}

std::string EncodeOwn(const ParamStore& params) {
  std::string text;
  for (size_t i = 0; i < params.tensors().size(); ++i) {
    const ParamStore::Tensor& tensor = params.tensors()[i];
    const ParamStore::Range share = params.share(tensor);
    if (!tensor.counts() || share.count == 0) continue;
    absl::StrAppend(&text,
                    Encode(tensor.named, static_cast<int>(i),
                           {share.begin - tensor.range.begin, share.count}));
  }
  return text;
}

}  // namespace

WeightParts GatherWeightParts(const ParamStore& params, Communicator& world) {
  WeightParts parts;
  const std::vector<std::string> texts =
      world.AllGatherStrings(EncodeOwn(params));
  for (int rank = 0; rank < world.size(); ++rank) {
    for (const absl::string_view line :
         absl::StrSplit(texts[rank], '\n', absl::SkipEmpty())) {
      WeightPart part = Decode(line, rank);
      parts[part.tensor.name].push_back(std::move(part));
    }
  }
  for (const auto& [name, of_tensor] : parts) {
    int64_t given = 0;
    for (const WeightPart& part : of_tensor) given += part.range.count;
    COG_CHECK_EQ(given, of_tensor[0].tensor.shape.num_elements());
  }
  return parts;
}

}  // namespace cogdist
