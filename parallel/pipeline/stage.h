// The stage seam: what a pipeline needs of the part of the model that this rank
// holds. Models implement it; the pipeline never sees their layers.
//
// With p ranks and v chunks a rank, the model is cut in depth into p * v
// chunks, and chunk c of rank r is the model's chunk c * p + r. Between two
// chunks there is one tensor, the residual stream with everything added.

#ifndef COGDIST_PARALLEL_PIPELINE_STAGE_H_
#define COGDIST_PARALLEL_PIPELINE_STAGE_H_

#include "runtime/tensor.h"

namespace cogdist {

// A micro-batch on its way forward through one chunk.
struct ForwardWork {
  int chunk = 0;        // of this rank, from 0
  int micro_batch = 0;  // of this step, from 0
  // Which of the pipeline's num_slots() places keeps what this pass saves until
  // its backward pass. Chunks share the places.
  int slot = 0;
  // From the chunk before; absent for the model's first. Stays valid and
  // unchanged until the Backward() of this chunk and micro-batch has returned.
  TensorView input;
  // To be written for the chunk after; absent for the model's last, which
  // computes the loss.
  TensorView output;
};

// A micro-batch on its way back through one chunk.
struct BackwardWork {
  int chunk = 0;
  int micro_batch = 0;
  int slot = 0;  // that of its forward pass; free afterwards
  // From the chunk after; absent for the model's last. May be overwritten.
  TensorView d_output;
  // To be written for the chunk before; absent for the model's first.
  TensorView d_input;
};

// All calls enqueue work on the rank's compute stream; of one chunk they come
// in the order of the micro-batches.
class Stage {
 public:
  virtual ~Stage() = default;

  virtual void Forward(const ForwardWork& work) = 0;
  virtual void Backward(const BackwardWork& work) = 0;
  // Forward alone: keeps nothing, so `slot` means nothing and `input` is valid
  // during the call only.
  virtual void Evaluate(const ForwardWork& work) = 0;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_PIPELINE_STAGE_H_
