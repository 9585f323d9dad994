#include "parallel/optimizer.h"

#include <algorithm>
#include <cmath>
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

// Chunks of the tensor that this rank sums up. Of a further copy nothing
// counts, but one that is not finite must not go unseen; where gradients of
// copies have been summed, all copies have the same.
int64_t NumChunks(const ParamStore& params, const ParamStore::Tensor& tensor) {
  const bool seen =
      tensor.tied_to.has_value() || tensor.named.copies.partial_gradients;
  if (!tensor.counts() && seen) return 0;
  return NumReduceChunks(params.share(tensor).count);
}

// The segment of a unit that element `first` is in.
const UnitSegment* SegmentOf(const ParamStore& params, ParamStore::UnitId unit,
                             int64_t first) {
  const std::vector<UnitSegment>& segments = params.segments(unit);
  return &*std::find_if(segments.begin(), segments.end(),
                        [first](const UnitSegment& segment) {
                          return first < segment.range.end();
                        });
}

}  // namespace

absl::StatusOr<Optimizer> Optimizer::Create(const Args& args) {
  int64_t chunks = 0;
  for (const ParamStore::Tensor& tensor : args.params.tensors()) {
    chunks += NumChunks(args.params, tensor);
  }
  const int64_t bytes = chunks * SizeOf(DType::kFloat64);
  COG_ASSIGN_OR_RETURN(Buffer squares, Buffer::Allocate(args.device, bytes));
  COG_ASSIGN_OR_RETURN(HostBuffer read,
                       HostBuffer::Allocate(args.device, bytes));
  return Optimizer(args, std::move(squares), std::move(read));
}

Optimizer::Optimizer(const Args& args, Buffer squares, HostBuffer squares_read)
    : config_(args.config),
      params_(&args.params),
      runs_(RunsOf(args.params)),
      squares_(std::move(squares)),
      squares_read_(std::move(squares_read)) {}

std::vector<Optimizer::Run> Optimizer::RunsOf(const ParamStore& params) {
  std::vector<Run> runs;
  const UnitSegment* last = nullptr;
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    const ParamStore::Range owned = params.owned(tensor);
    if (owned.count == 0) continue;
    const UnitSegment* const segment =
        SegmentOf(params, tensor.unit, owned.begin);
    if (segment != last || tensor.decays() != runs.back().decays) {
      runs.push_back({owned, tensor.decays()});
    } else {
      runs.back().range.count = owned.end() - runs.back().range.begin;
    }
    last = segment;
  }
  return runs;
}

void Optimizer::ReadNorm(Stream& stream) {
  const TensorView sums = squares_.View(DType::kFloat64);
  int64_t next = 0;
  for (const ParamStore::Tensor& tensor : params_->tensors()) {
    const int64_t chunks = NumChunks(*params_, tensor);
    if (chunks == 0) continue;
    ChunkSumsOfSquares(stream,
                       {.out = sums.Slice(0, next, chunks),
                        .x = params_->gradients(params_->share(tensor))});
    next += chunks;
  }
  stream.Copy(squares_read_.data(), squares_.data(), squares_.bytes());
}

Optimizer::Norm Optimizer::LocalNorm() const {
  Norm norm;
  if (squares_read_.bytes() == 0) return norm;  // of a plan
  auto sum = squares_read_.As<double>().begin();
  for (const ParamStore::Tensor& tensor : params_->tensors()) {
    for (int64_t i = NumChunks(*params_, tensor); i > 0; --i, ++sum) {
      const bool finite = std::isfinite(*sum);
      if (tensor.counts() || !finite) norm.squares.Add(*sum);
      if (!finite && norm.culprit.empty()) norm.culprit = tensor.named.name;
    }
  }
  return norm;
}

void Optimizer::Update(Stream& stream, const UpdateArgs& args) {
  ++updates_;
  const AdamWConfig& adamw = config_.adamw();
  const double scale = ClipFactor(args.grad_norm, config_.grad_clip_norm());
  for (const auto& [range, decays] : runs_) {
    AdamW(stream, {.param = params_->master(range),
                   .m = params_->moment1(range),
                   .v = params_->moment2(range),
                   .weight = params_->low_precision(range),
                   .gradient = params_->gradients(range),
                   .gradient_scale = static_cast<float>(scale),
                   .lr = args.lr,
                   .beta1 = adamw.beta1(),
                   .beta2 = adamw.beta2(),
                   .eps = adamw.eps(),
                   .weight_decay = decays ? adamw.weight_decay() : 0,
                   .t = updates_});
  }
}

}  // namespace cogdist
