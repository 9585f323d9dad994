#include "kernels/embedding.h"

#include "kernels/cuda/embedding_launch.h"
#include "kernels/cuda/launch_args.h"
#include "kernels/cuda/operations.h"

namespace cogdist::cuda {

void EmbeddingForward(Stream& stream, const EmbeddingForwardArgs& args) {
  LaunchEmbeddingForward(HandleOf(stream), {.y = args.y.data,
                                            .table = args.table.data,
                                            .ids = args.ids.Data<int32_t>(),
                                            .rows = args.y.dim(0),
                                            .hidden = args.y.dim(1),
                                            .vocab = args.table.dim(0),
                                            .first_id = args.first_id,
                                            .type = TypeOf(args.y),
                                            .table_type = TypeOf(args.table)});
}

void EmbeddingBackward(Stream& stream, const EmbeddingBackwardArgs& args) {
  LaunchEmbeddingBackward(HandleOf(stream),
                          {.dtable = args.dtable.Data<float>(),
                           .dy = args.dy.data,
                           .ids = args.ids.Data<int32_t>(),
                           .rows = args.dy.dim(0),
                           .hidden = args.dy.dim(1),
                           .vocab = args.dtable.dim(0),
                           .first_id = args.first_id,
                           .type = TypeOf(args.dy)});
}

}  // namespace cogdist::cuda
