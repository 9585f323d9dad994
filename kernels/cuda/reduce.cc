#include "kernels/reduce.h"

#include "kernels/cuda/launch_args.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/reduce_launch.h"
#include "kernels/cuda/workspace.h"

namespace cogdist::cuda {

void Sum(Stream& stream, const SumArgs& args) {
  const int64_t n = args.x.num_elements();
  double* const chunks =
      static_cast<double*>(stream.Workspace(SumWorkspaceBytes(args)));
  LaunchChunkSums(HandleOf(stream),
                  {.out = chunks, .x = args.x.Data<float>(), .n = n});
  LaunchSumDoubles(HandleOf(stream), {.out = args.out.Data<double>(),
                                      .x = chunks,
                                      .n = NumReduceChunks(n),
                                      .accumulate = args.accumulate});
}

void ChunkSumsOfSquares(Stream& stream, const ChunkSumsOfSquaresArgs& args) {
  LaunchChunkSumsOfSquares(HandleOf(stream), {.out = args.out.Data<double>(),
                                              .x = args.x.Data<float>(),
                                              .n = args.x.num_elements()});
}

}  // namespace cogdist::cuda
