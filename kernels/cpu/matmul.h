// Matrix products through oneDNN. Where it has no bfloat16 (processors without
// AVX-512), the operands are widened to float32 in scratch memory.

#ifndef COGDIST_KERNELS_CPU_MATMUL_H_
#define COGDIST_KERNELS_CPU_MATMUL_H_

#include "kernels/matmul.h"
#include "runtime/cpu/cpu_stream.h"

namespace cogdist::cpu {

void MatMul(CpuStream& stream, const MatMulArgs& args);
// Also generates the product's code and keeps it with the stream.
int64_t MatMulWorkspaceBytes(Stream& stream, const MatMulArgs& args);

// The product by way of float32 operands, on any processor. MatMul() chooses
// it where it must.
void WidenedMatMul(CpuStream& stream, const MatMulArgs& args);
int64_t WidenedMatMulWorkspaceBytes(Stream& stream, const MatMulArgs& args);

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_MATMUL_H_
