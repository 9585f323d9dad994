#include "models/model_chunk.h"

#include "runtime/check.h"

namespace cogdist {

std::vector<ModelChunk> ChunksOfModel(const ParallelConfig& parallel,
                                      int64_t layers) {
  const int count =
      static_cast<int>(parallel.pipeline() * parallel.virtual_pipeline());
  const bool uneven = parallel.layers_per_stage_size() > 0;
  if (uneven) COG_CHECK_EQ(parallel.layers_per_stage_size(), count);
  std::vector<ModelChunk> chunks;
  int64_t begin = 0;
  for (int k = 0; k < count; ++k) {
    const ElementRange range =
        uneven ? ElementRange{begin, parallel.layers_per_stage(k)}
               : EvenPart(layers, count, k);
    chunks.push_back(
        {.layers = range, .first = k == 0, .last = k == count - 1});
    begin = range.end();
  }
  COG_CHECK_EQ(begin, layers);
  return chunks;
}

std::vector<ModelChunk> ChunksOfRank(const ParallelConfig& parallel,
                                     int64_t layers, int pipeline_rank) {
  const std::vector<ModelChunk> all = ChunksOfModel(parallel, layers);
  std::vector<ModelChunk> mine;
  for (size_t k = pipeline_rank; k < all.size(); k += parallel.pipeline()) {
    mine.push_back(all[k]);
  }
  return mine;
}

}  // namespace cogdist
