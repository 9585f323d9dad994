#include "kernels/matmul.h"

#include "kernels/checks.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cuda/workspace.h"
#include "kernels/route.h"

namespace cogdist {
namespace {

void CheckMatrix(const char* name, const TensorView& x) {
  COG_CHECK_EQ(x.shape.rank(), 2);
  COG_CHECK(x.dtype == DType::kFloat32 || x.dtype == DType::kBFloat16, name,
            " is ", x.ToString());
  COG_CHECK(x.dim(1) <= 1 || x.strides.dim(1) == 1, "the rows of ", name,
            " are not contiguous");
  COG_CHECK(x.dim(0) <= 1 || x.strides.dim(0) >= x.dim(1), "the rows of ", name,
            " overlap");
}

void CheckArgs(const MatMulArgs& args) {
  const TensorView &c = args.c, &a = args.a, &b = args.b;
  CheckMatrix("a", a);
  CheckMatrix("b", b);
  CheckMatrix("c", c);
  COG_CHECK_EQ(a.dim(args.transpose_a ? 1 : 0), c.dim(0));
  COG_CHECK_EQ(b.dim(args.transpose_b ? 0 : 1), c.dim(1));
  COG_CHECK_EQ(a.dim(args.transpose_a ? 0 : 1),
               b.dim(args.transpose_b ? 1 : 0));
  COG_CHECK(a.dtype == b.dtype, a.ToString(), " times ", b.ToString());
  COG_CHECK(c.dtype == a.dtype || c.dtype == DType::kFloat32,
            "float32 inputs give a float32 product, not ", c.ToString());
  if (!args.bias) return;
  COG_CHECK_TENSOR(args.bias, c.dtype, {c.dim(1)});
  COG_CHECK(a.num_elements() > 0 || c.dim(0) == 0, "a bias on empty sums");
}

}  // namespace

void MatMul(Stream& stream, const MatMulArgs& args) {
  CheckArgs(args);
  Route(stream, args,
        {.cpu = cpu::MatMul,
         .cpu_workspace = cpu::MatMulWorkspaceBytes,
         .gpu = &KernelTable::matmul,
         .gpu_workspace = cuda::MatMulWorkspaceBytes});
}

}  // namespace cogdist
