// Everything that kernels here know of the machine they run on. It has two back
// ends, found on the include path: kernels/cuda/nvcc for nvcc, thin inline PTX,
// and the emulator of tests/vgpu/simt for any C++20 compiler. Kernels are plain
// C++ beside it, so that what the tests execute is what is shipped.
//
// CUDA's own words: __global__, __device__, __constant__, __forceinline__,
// __launch_bounds__, threadIdx, blockIdx, blockDim, gridDim, __syncthreads,
// __syncwarp, __shfl_sync, __shfl_xor_sync (4-byte values, whole warps wide),
// __ballot_sync, rsqrtf, and the C library's float functions.
//
// Ours, in namespace cogdist::cuda:
//   Launch(stream, {.grid, .block, .shared_bytes}, kernel, params)
//       params: the one, trivially copyable parameter of the kernel
//   SharedArena()
//       the block's dynamic shared memory, aligned to 128
//   SharedAddress(p)
//       of a pointer into it, for CopyAsync16 and LoadMatrix4
//   Words4, Load16(p), Store16(p, words)
//       16 aligned bytes at once; Store16 is to device memory only
//   CopyAsync16(to, from[, valid])
//       cp.async to a shared address; zeros, and `from` is not read, where not
//       valid
//   CommitCopies(), WaitForCopies<groups left>()
//       per thread: what others have copied is there after a barrier behind
//       their wait
//   LoadMatrix4(r, address), LoadMatrix4Transposed(r, address)
//       ldmatrix .x4 of 8 x 8 matrices of 16-bit elements; lane l gives the
//       address of row l % 8 of matrix l / 8
//   MultiplyAdd(d, a, b0, b1)
//       mma.sync m16n8k16: bfloat16 operands, float32 sums
//   FloatBits(x), BitsFloat(x), RoundBf16(x), PackBf16(low, high)
//   LowestBit(x)
//       its position; x is not 0
//   CountBits(x)
//       how many are set
//   Exp2(x)
//       2^x to 2 ulp; denormals are zero
//   Reciprocal(x)
//       1/x to 1 ulp; denormals are zero
//   SignedMin(x, y)
//       min(x, |y|) with the sign of y, for x >= 0: so 0 where y is
//
// Memory is ordered by __syncthreads and __syncwarp alone: never by a shuffle,
// a vote, ldmatrix or mma.

#ifndef COGDIST_KERNELS_CUDA_DEVICE_DEVICE_CUH_
#define COGDIST_KERNELS_CUDA_DEVICE_DEVICE_CUH_

#include <cstddef>
#include <cstdint>

#include <gpu_backend.h>

namespace cogdist::cuda {

inline constexpr int kWarp = 32;            // threads
inline constexpr unsigned kAllLanes = ~0u;  // of a warp

}  // namespace cogdist::cuda

#endif  // COGDIST_KERNELS_CUDA_DEVICE_DEVICE_CUH_
