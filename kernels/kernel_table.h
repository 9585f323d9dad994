// The operations of a GPU's backend. Arguments have been checked, as for the
// host's kernels.

#ifndef COGDIST_KERNELS_KERNEL_TABLE_H_
#define COGDIST_KERNELS_KERNEL_TABLE_H_

#include "kernels/matmul.h"
#include "runtime/stream.h"

namespace cogdist {

struct KernelTable {
  void (*matmul)(Stream&, const MatMulArgs&) = nullptr;
};

}  // namespace cogdist

#endif  // COGDIST_KERNELS_KERNEL_TABLE_H_
