// Who does what when in a pipeline: a pure function of its shape.
//
// With one chunk a rank, 1F1B (Narayanan et al. 2019, "PipeDream"): rank r does
// p - 1 - r forward passes ahead of its first backward pass, then alternates,
// which keeps at most p - r micro-batches in flight.
//
// With more, the interleaved order (Narayanan et al. 2021, "Efficient
// Large-Scale Language Model Training on GPU Clusters Using Megatron-LM"), with
// the same idle time divided by the chunks: micro-batches go through the chunks
// in groups, chunk by chunk, and 2 (p - 1 - r) + (v - 1) * group passes go
// ahead. Megatron's groups have p micro-batches, whose number must be a
// multiple of p. Here they have p or more, as equal as can be, so any number
// works. (Smaller groups could deadlock: a group's first micro-batch takes p
// passes to come round. Where there are fewer than p micro-batches, all forward
// passes come first.)
//
// Either way a rank idles (p - 1) / (v m) of the time that its passes take, if
// these take equally long and m is a multiple of p, and no more for any m >= p.

#ifndef COGDIST_PARALLEL_PIPELINE_SCHEDULE_H_
#define COGDIST_PARALLEL_PIPELINE_SCHEDULE_H_

#include <vector>

#include "absl/types/span.h"

namespace cogdist {

struct PipelineShape {
  int ranks = 1;          // p
  int chunks = 1;         // v, a rank
  int micro_batches = 1;  // m, a step

  // The model's chunk that is chunk `chunk` of rank `rank`.
  int ModelChunk(int rank, int chunk) const { return chunk * ranks + rank; }
  bool IsFirst(int rank, int chunk) const {
    return ModelChunk(rank, chunk) == 0;
  }
  bool IsLast(int rank, int chunk) const {
    return ModelChunk(rank, chunk) == ranks * chunks - 1;
  }
};

// One pass of one micro-batch through one chunk of a rank.
struct PipelineAction {
  enum class Kind { kForward, kBackward };

  Kind kind = Kind::kForward;
  int chunk = 0;
  int micro_batch = 0;
  int slot = 0;  // held from the forward to the backward pass
};

// What `rank` does in a training step, in order. Both kinds of passes of a
// chunk go through the micro-batches from the first to the last, so gradients
// are summed in the same order in every shape.
std::vector<PipelineAction> TrainingSchedule(const PipelineShape& shape,
                                             int rank);

// Forward passes alone, the same on every rank. The slot is 0.
std::vector<PipelineAction> EvaluationSchedule(const PipelineShape& shape);

// The most micro-batches that are in flight at a time, those in different
// chunks counted apart: slots are 0 to this - 1.
int NumSlots(absl::Span<const PipelineAction> schedule);

// Tensors that the messages of one rank take, when receives are posted one
// action ahead, a chunk's input is kept until its backward pass, and sends go
// on during the next pass.
struct PipelineBuffers {
  int inputs = 0;     // received activations
  int outputs = 0;    // activations on their way to the next chunk
  int d_outputs = 0;  // received gradients
  int d_inputs = 0;   // gradients on their way to the chunk before
};
PipelineBuffers BuffersOf(const PipelineShape& shape, int rank);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_PIPELINE_SCHEDULE_H_
