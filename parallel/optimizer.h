// One update of the parameters that this rank owns, from their summed
// gradients: norm, clipping, AdamW (kernels/adamw.h), fresh low-precision
// weights. Walks over what the parameter store has registered. A step has three
// parts, so that the host waits once, and ranks agree in one exchange:
//
//   optimizer.ReadNorm(stream);
//   stream.Synchronize();                               for the loss, too
//   mine = optimizer.LocalNorm();
//   ...            merged over the world with the loss (parallel/step_totals.h)
//   optimizer.Update({...});      unless loss or norm are not finite

#ifndef COGDIST_PARALLEL_OPTIMIZER_H_
#define COGDIST_PARALLEL_OPTIMIZER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "parallel/param_store.h"
#include "proto/run_config.pb.h"
#include "runtime/buffer.h"
#include "runtime/device.h"
#include "runtime/exact_sum.h"
#include "runtime/host_buffer.h"
#include "runtime/stream.h"

namespace cogdist {

class Optimizer {
 public:
  struct Args {
    const OptimizerConfig& config;
    ParamStore& params;  // allocated for training; outlives it
    Device& device;
  };
  static absl::StatusOr<Optimizer> Create(const Args& args);

  struct Norm {
    // Of the gradients: the sums over all ranks' are of every parameter once,
    // and have the same bits for every data layout. Not finite if any copy of a
    // parameter has such a gradient.
    ExactSum squares;
    // The first tensor whose gradient is not finite, if any.
    std::string culprit;
  };
  // Enqueues the sums of squares of this rank's share of the gradients, and
  // their copy to the host.
  void ReadNorm(Stream& stream);
  // What the last ReadNorm() has read. REQUIRES: the host has waited for it.
  Norm LocalNorm() const;

  struct UpdateArgs {
    double lr = 0;
    double grad_norm = 0;  // of the whole model, before clipping
  };
  // Enqueued on `stream`.
  void Update(Stream& stream, const UpdateArgs& args);

  // Updates done: Adam's t.
  int64_t updates() const { return updates_; }
  // For resuming, together with the moments in the parameter store.
  void set_updates(int64_t updates) { updates_ = updates; }

 private:
  // Neighbours of one segment that decay alike are updated at once: a layer's
  // matrices take one launch, not one each. What pads the flat buffers between
  // them is zero in all of them and stays so.
  struct Run {
    ParamStore::Range range;
    bool decays = false;
  };
  static std::vector<Run> RunsOf(const ParamStore& params);

  Optimizer(const Args& args, Buffer squares, HostBuffer squares_read);

  OptimizerConfig config_;
  ParamStore* params_;
  std::vector<Run> runs_;
  // float64, by chunk of this rank's share of each tensor.
  Buffer squares_;
  HostBuffer squares_read_;
  int64_t updates_ = 0;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_OPTIMIZER_H_
