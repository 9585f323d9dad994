// Which layers of the network each pipeline rank holds.

#ifndef COGDIST_MODELS_MODEL_CHUNK_H_
#define COGDIST_MODELS_MODEL_CHUNK_H_

#include <cstdint>
#include <vector>

#include "parallel/partition.h"
#include "proto/run_config.pb.h"

namespace cogdist {

// Consecutive layers that one rank runs without a pause.
struct ModelChunk {
  ElementRange layers;
  bool first = true;  // of the network: also the embedding
  bool last = true;   // also the head
};

// The whole network of `layers` layers in depth order: pipeline x
// virtual_pipeline chunks, as even as can be or as layers_per_stage says.
// REQUIRES: the configuration is valid.
std::vector<ModelChunk> ChunksOfModel(const ParallelConfig& parallel,
                                      int64_t layers);

// Those of one pipeline rank, in depth order: chunk k is on rank k mod
// pipeline, so that with several chunks a rank the pipeline fills sooner
// (Narayanan et al., 2021, "Efficient Large-Scale Language Model Training on
// GPU Clusters", 2.2).
std::vector<ModelChunk> ChunksOfRank(const ParallelConfig& parallel,
                                     int64_t layers, int pipeline_rank);

}  // namespace cogdist

#endif  // COGDIST_MODELS_MODEL_CHUNK_H_
