// One update of all parameters from their summed gradients: global norm,
// clipping, AdamW (kernels/adamw.h), fresh low-precision weights. Walks over
// what the parameter store has registered.

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
#include "runtime/stream.h"

namespace cogdist {

class Optimizer {
 public:
  // `params` outlives it, and has optimizer state.
  static absl::StatusOr<Optimizer> Create(const OptimizerConfig& config,
                                          ParamStore& params, Device& device);

  struct Result {
    // Global L2 norm of the gradients, before clipping.
    double grad_norm = 0;
    // Loss or norm was not finite, and nothing has changed.
    bool skipped = false;
    // Where skipped: the first tensor whose gradient is not finite, if any.
    std::string culprit;
  };
  // Updates with learning rate `lr`, unless `loss` or the norm is not finite.
  // Blocks until the norm is known; the update itself is enqueued on `stream`.
  Result Step(Stream& stream, double lr, double loss);

  // Updates done, skipped ones not counted: Adam's t.
  int64_t updates() const { return updates_; }
  // For resuming, together with the moments in the parameter store.
  void set_updates(int64_t updates) { updates_ = updates; }

 private:
  Optimizer(const OptimizerConfig& config, ParamStore& params, Buffer squares);

  // Sum of squares of each tensor's gradient.
  std::vector<double> SumsOfSquares(Stream& stream);
  void Update(Stream& stream, double lr, double gradient_scale);

  OptimizerConfig config_;
  ParamStore* params_;
  Buffer squares_;  // float64 [tensors]
  int64_t updates_ = 0;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_OPTIMIZER_H_
