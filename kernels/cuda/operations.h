// The operations of kernels/*.h on a GPU: from checked arguments to launches on
// the stream. Each is implemented in the file named after its kernels.

#ifndef COGDIST_KERNELS_CUDA_OPERATIONS_H_
#define COGDIST_KERNELS_CUDA_OPERATIONS_H_

#include "kernels/kernel_table.h"

namespace cogdist::cuda {

void AdamW(Stream& stream, const AdamWArgs& args);
void Add(Stream& stream, const AddArgs& args);
void AttentionBackward(Stream& stream, const AttentionBackwardArgs& args);
void AttentionForward(Stream& stream, const AttentionForwardArgs& args);
void AttentionMerge(Stream& stream, const AttentionMergeArgs& args);
void Cast(Stream& stream, const CastArgs& args);
void ChunkSumsOfSquares(Stream& stream, const ChunkSumsOfSquaresArgs& args);
void ColumnSum(Stream& stream, const ColumnSumArgs& args);
void CrossEntropy(Stream& stream, const CrossEntropyArgs& args);
void CrossEntropyFinish(Stream& stream, const CrossEntropyFinishArgs& args);
void CrossEntropyMax(Stream& stream, const CrossEntropyMaxArgs& args);
void CrossEntropyStats(Stream& stream, const CrossEntropyStatsArgs& args);
void EmbeddingBackward(Stream& stream, const EmbeddingBackwardArgs& args);
void EmbeddingForward(Stream& stream, const EmbeddingForwardArgs& args);
void GeluBackward(Stream& stream, const GeluBackwardArgs& args);
void GeluForward(Stream& stream, const GeluForwardArgs& args);
void LayerNormBackward(Stream& stream, const LayerNormBackwardArgs& args);
void LayerNormForward(Stream& stream, const LayerNormForwardArgs& args);
void LocalPosition(Stream& stream, const LocalPositionArgs& args);
void MatMul(Stream& stream, const MatMulArgs& args);
void RmsNormBackward(Stream& stream, const RmsNormBackwardArgs& args);
void RmsNormForward(Stream& stream, const RmsNormForwardArgs& args);
void Rope(Stream& stream, const RopeArgs& args);
void Sum(Stream& stream, const SumArgs& args);
void SwiGluBackward(Stream& stream, const SwiGluBackwardArgs& args);
void SwiGluForward(Stream& stream, const SwiGluForwardArgs& args);

inline constexpr KernelTable kOperations = {
    .adamw = AdamW,
    .add = Add,
    .attention_backward = AttentionBackward,
    .attention_forward = AttentionForward,
    .attention_merge = AttentionMerge,
    .cast = Cast,
    .chunk_sums_of_squares = ChunkSumsOfSquares,
    .column_sum = ColumnSum,
    .cross_entropy = CrossEntropy,
    .cross_entropy_finish = CrossEntropyFinish,
    .cross_entropy_max = CrossEntropyMax,
    .cross_entropy_stats = CrossEntropyStats,
    .embedding_backward = EmbeddingBackward,
    .embedding_forward = EmbeddingForward,
    .gelu_backward = GeluBackward,
    .gelu_forward = GeluForward,
    .layernorm_backward = LayerNormBackward,
    .layernorm_forward = LayerNormForward,
    .local_position = LocalPosition,
    .matmul = MatMul,
    .rmsnorm_backward = RmsNormBackward,
    .rmsnorm_forward = RmsNormForward,
    .rope = Rope,
    .sum = Sum,
    .swiglu_backward = SwiGluBackward,
    .swiglu_forward = SwiGluForward,
};

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_OPERATIONS_H_
