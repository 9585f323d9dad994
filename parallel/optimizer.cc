#include "parallel/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "kernels/adamw.h"
#include "kernels/reduce.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// What the gradients are multiplied by so that their norm is at most `limit`.
double ClipFactor(double norm, double limit) {
  if (limit == 0) return 1;
  return std::min(1.0, limit / (norm + 1e-6));
}

}  // namespace

absl::StatusOr<Optimizer> Optimizer::Create(const OptimizerConfig& config,
                                            ParamStore& params,
                                            Device& device) {
  const int64_t bytes = params.tensors().size() * SizeOf(DType::kFloat64);
  COG_ASSIGN_OR_RETURN(Buffer squares, Buffer::Allocate(device, bytes));
  return Optimizer(config, params, std::move(squares));
}

Optimizer::Optimizer(const OptimizerConfig& config, ParamStore& params,
                     Buffer squares)
    : config_(config), params_(&params), squares_(std::move(squares)) {}

Optimizer::Result Optimizer::Step(Stream& stream, double lr, double loss) {
  const std::vector<double> squares = SumsOfSquares(stream);
  Result result;
  result.grad_norm =
      std::sqrt(std::accumulate(squares.begin(), squares.end(), 0.0));
  result.skipped = !std::isfinite(loss) || !std::isfinite(result.grad_norm);
  if (result.skipped) {
    const auto bad =
        std::find_if(squares.begin(), squares.end(),
                     [](double sum) { return !std::isfinite(sum); });
    if (bad != squares.end()) {
      result.culprit = params_->tensors()[bad - squares.begin()].named.name;
    }
    return result;
  }
  ++updates_;
  Update(stream, lr, ClipFactor(result.grad_norm, config_.grad_clip_norm()));
  return result;
}

std::vector<double> Optimizer::SumsOfSquares(Stream& stream) {
  // One sum a tensor, added up here in the tensors' order: the bits depend on
  // neither bucket, shard nor thread count, and a bad tensor can be named.
  const TensorView sums = squares_.View(DType::kFloat64);
  const std::vector<ParamStore::Tensor>& tensors = params_->tensors();
  for (size_t i = 0; i < tensors.size(); ++i) {
    SumOfSquares(stream, {.out = sums.Slice(0, i, 1),
                          .x = params_->gradients(tensors[i].range)});
  }
  std::vector<double> host(tensors.size());
  stream.Copy(host.data(), sums.data, squares_.bytes());
  stream.Synchronize();
  return host;
}

void Optimizer::Update(Stream& stream, double lr, double gradient_scale) {
  // Tensor by tensor, since decay differs; what pads the flat buffers is never
  // touched and stays zero.
  const AdamWConfig& adamw = config_.adamw();
  for (const ParamStore::Tensor& tensor : params_->tensors()) {
    AdamW(stream, {.param = params_->master(tensor.range),
                   .m = params_->moment1(tensor.range),
                   .v = params_->moment2(tensor.range),
                   .weight = params_->low_precision(tensor.range),
                   .gradient = params_->gradients(tensor.range),
                   .gradient_scale = static_cast<float>(gradient_scale),
                   .lr = lr,
                   .beta1 = adamw.beta1(),
                   .beta2 = adamw.beta2(),
                   .eps = adamw.eps(),
                   .weight_decay = tensor.decays() ? adamw.weight_decay() : 0,
                   .t = updates_});
  }
}

}  // namespace cogdist
