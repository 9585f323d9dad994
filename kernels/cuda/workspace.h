// Scratch memory of operations on a GPU, in bytes of Stream::Workspace(). In
// the program and not in the CUDA module, so that runs on GPUs are planned
// anywhere.

#ifndef COGDIST_KERNELS_CUDA_WORKSPACE_H_
#define COGDIST_KERNELS_CUDA_WORKSPACE_H_

#include <cstdint>

namespace cogdist {

struct AttentionBackwardArgs;
struct AttentionForwardArgs;
struct ColumnSumArgs;
struct GeluBackwardArgs;
struct LayerNormBackwardArgs;
struct MatMulArgs;
struct RmsNormBackwardArgs;
struct SumArgs;

namespace cuda {

// Of any product, which kernel the library will choose is not known before it
// runs: what cuBLAS takes on large GPUs.
inline constexpr int64_t kMatMulWorkspaceBytes = 32 << 20;

int64_t AttentionBackwardWorkspaceBytes(const AttentionBackwardArgs& args);
// On the largest GPU: what a smaller one splits has fewer parts.
int64_t AttentionForwardWorkspaceBytes(const AttentionForwardArgs& args);
int64_t ColumnSumWorkspaceBytes(const ColumnSumArgs& args);
int64_t GeluBackwardWorkspaceBytes(const GeluBackwardArgs& args);
int64_t LayerNormBackwardWorkspaceBytes(const LayerNormBackwardArgs& args);
int64_t MatMulWorkspaceBytes(const MatMulArgs& args);
int64_t RmsNormBackwardWorkspaceBytes(const RmsNormBackwardArgs& args);
int64_t SumWorkspaceBytes(const SumArgs& args);

}  // namespace cuda
}  // namespace cogdist

#endif  // COGDIST_KERNELS_CUDA_WORKSPACE_H_
