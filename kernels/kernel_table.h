// The operations of a GPU's backend. Arguments have been checked, as for the
// host's kernels.

#ifndef COGDIST_KERNELS_KERNEL_TABLE_H_
#define COGDIST_KERNELS_KERNEL_TABLE_H_

#include "runtime/stream.h"

namespace cogdist {

struct AdamWArgs;
struct AddArgs;
struct AttentionBackwardArgs;
struct AttentionForwardArgs;
struct AttentionMergeArgs;
struct CastArgs;
struct ChunkSumsOfSquaresArgs;
struct ColumnSumArgs;
struct CrossEntropyArgs;
struct CrossEntropyFinishArgs;
struct CrossEntropyMaxArgs;
struct CrossEntropyStatsArgs;
struct EmbeddingBackwardArgs;
struct EmbeddingForwardArgs;
struct GeluBackwardArgs;
struct GeluForwardArgs;
struct LayerNormBackwardArgs;
struct LayerNormForwardArgs;
struct LocalPositionArgs;
struct MatMulArgs;
struct RmsNormBackwardArgs;
struct RmsNormForwardArgs;
struct RopeArgs;
struct SumArgs;
struct SwiGluBackwardArgs;
struct SwiGluForwardArgs;

template <typename Args>
using GpuKernel = void (*)(Stream&, const Args&);

struct KernelTable {
  GpuKernel<AdamWArgs> adamw;
  GpuKernel<AddArgs> add;
  GpuKernel<AttentionBackwardArgs> attention_backward;
  GpuKernel<AttentionForwardArgs> attention_forward;
  GpuKernel<AttentionMergeArgs> attention_merge;
  GpuKernel<CastArgs> cast;
  GpuKernel<ChunkSumsOfSquaresArgs> chunk_sums_of_squares;
  GpuKernel<ColumnSumArgs> column_sum;
  GpuKernel<CrossEntropyArgs> cross_entropy;
  GpuKernel<CrossEntropyFinishArgs> cross_entropy_finish;
  GpuKernel<CrossEntropyMaxArgs> cross_entropy_max;
  GpuKernel<CrossEntropyStatsArgs> cross_entropy_stats;
  GpuKernel<EmbeddingBackwardArgs> embedding_backward;
  GpuKernel<EmbeddingForwardArgs> embedding_forward;
  GpuKernel<GeluBackwardArgs> gelu_backward;
  GpuKernel<GeluForwardArgs> gelu_forward;
  GpuKernel<LayerNormBackwardArgs> layernorm_backward;
  GpuKernel<LayerNormForwardArgs> layernorm_forward;
  GpuKernel<LocalPositionArgs> local_position;
  GpuKernel<MatMulArgs> matmul;
  GpuKernel<RmsNormBackwardArgs> rmsnorm_backward;
  GpuKernel<RmsNormForwardArgs> rmsnorm_forward;
  GpuKernel<RopeArgs> rope;
  GpuKernel<SumArgs> sum;
  GpuKernel<SwiGluBackwardArgs> swiglu_backward;
  GpuKernel<SwiGluForwardArgs> swiglu_forward;
};

}  // namespace cogdist

#endif  // COGDIST_KERNELS_KERNEL_TABLE_H_
