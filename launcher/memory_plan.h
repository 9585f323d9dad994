// What one rank of a run takes and sends, known before anything is started.

#ifndef COGDIST_LAUNCHER_MEMORY_PLAN_H_
#define COGDIST_LAUNCHER_MEMORY_PLAN_H_

#include <cstdint>

namespace cogdist {

// Memory of one rank in bytes, by kind: the device's, but for checkpoints.
struct MemoryPlan {
  int64_t weights = 0;
  int64_t gradients = 0;
  int64_t optimizer = 0;
  int64_t activations = 0;    // batch and tensors between stages included
  int64_t workspace = 0;      // scratch memory of kernels
  int64_t buffers = 0;        // constant tables and sums
  int64_t communication = 0;  // scratch memory of collectives
  int64_t checkpoint = 0;     // host's: copy of what the rank writes of one

  // What steps take.
  int64_t device() const {
    return weights + gradients + optimizer + activations + workspace + buffers +
           communication;
  }
  // On a CPU both are the same memory.
  int64_t total() const { return device() + checkpoint; }
};

// Bytes that one rank gives to sends in one training step, by what they are
// for. docs/parallelism.md has the formulas.
struct CommunicationPlan {
  int64_t tensor = 0;   // activations, and gradients of norms' gains
  int64_t context = 0;  // keys, values and their gradients
  int64_t pipeline = 0;
  int64_t data = 0;    // gradients and weights, over data x context
  int64_t shared = 0;  // gradients of key/value heads and tied tables that
                       // several ranks hold

  int64_t total() const { return tensor + context + pipeline + data + shared; }
};

struct StepPlan {
  MemoryPlan memory;
  CommunicationPlan communication;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_MEMORY_PLAN_H_
