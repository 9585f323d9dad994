// RMSNorm of the residual stream, which it also advances: the addition that
// precedes a norm is done in the norm's pass over memory.

#ifndef COGDIST_MODELS_NORM_H_
#define COGDIST_MODELS_NORM_H_

#include <string>

#include "models/layer.h"

namespace cogdist {

// The residual stream between two layers is x + delta: the sum is formed by the
// next norm. Without a delta it is x.
struct ResidualStream {
  TensorView x;      // [rows, hidden]
  TensorView delta;  // [rows, hidden], or absent
};

class RmsNorm {
 public:
  // Every rank holds the whole gain. With sequence parallelism its gradient
  // there is that of the rows that the rank holds.
  RmsNorm(const ParamRegistry& registry, std::string name, int64_t hidden,
          double eps);

  // Writes the sum of the stream to `sum` (which may be the memory of stream.x)
  // and its norm to y. REQUIRES: without a delta, `sum` is stream.x.
  void Forward(const LayerContext& ctx, TensorView y, TensorView rstd,
               TensorView sum, const ResidualStream& stream) const;

  // dx, the gradient of the sum: that of its norm plus `residual_gradient`, the
  // gradient that reaches the sum past the norm (absent: none). Both may be the
  // same memory.
  void Backward(const LayerContext& ctx, TensorView dx, TensorView dy,
                TensorView sum, TensorView rstd,
                TensorView residual_gradient) const;

 private:
  ParamStore::ParamId gain_;
  float eps_;
};

}  // namespace cogdist

#endif  // COGDIST_MODELS_NORM_H_
