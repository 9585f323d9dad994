#include "kernels/cross_entropy.h"

#include "kernels/cuda/cross_entropy_launch.h"
#include "kernels/cuda/launch_args.h"
#include "kernels/cuda/operations.h"

namespace cogdist::cuda {
namespace {

// What all of them have.
CrossEntropyLaunch LaunchOf(const TensorView& logits) {
  return {.logits = logits.Data<float>(),
          .rows = logits.dim(0),
          .columns = logits.dim(1)};
}

// What CrossEntropyArgs and CrossEntropyFinishArgs have in common.
template <typename Args>
CrossEntropyLaunch LossLaunchOf(const Args& args) {
  CrossEntropyLaunch launch = LaunchOf(args.logits);
  launch.loss = args.loss.template Data<float>();
  launch.targets = args.targets.template Data<int32_t>();
  launch.gradient_scale = args.gradient_scale;
  if (args.dlogits) {
    launch.dlogits = args.dlogits.data;
    launch.type = TypeOf(args.dlogits);
  }
  return launch;
}

}  // namespace

void CrossEntropy(Stream& stream, const CrossEntropyArgs& args) {
  LaunchCrossEntropy(HandleOf(stream), LossLaunchOf(args));
}

void CrossEntropyMax(Stream& stream, const CrossEntropyMaxArgs& args) {
  CrossEntropyLaunch launch = LaunchOf(args.logits);
  launch.max = args.max.Data<float>();
  LaunchCrossEntropyMax(HandleOf(stream), launch);
}

void CrossEntropyStats(Stream& stream, const CrossEntropyStatsArgs& args) {
  CrossEntropyLaunch launch = LaunchOf(args.logits);
  launch.targets = args.targets.Data<int32_t>();
  launch.first_id = args.first_id;
  launch.max = args.max.Data<float>();
  launch.sums = args.sums.Data<float>();
  LaunchCrossEntropyStats(HandleOf(stream), launch);
}

void CrossEntropyFinish(Stream& stream, const CrossEntropyFinishArgs& args) {
  CrossEntropyLaunch launch = LossLaunchOf(args);
  launch.first_id = args.first_id;
  launch.max = args.max.Data<float>();
  launch.sums = args.sums.Data<float>();
  LaunchCrossEntropyFinish(HandleOf(stream), launch);
}

}  // namespace cogdist::cuda
