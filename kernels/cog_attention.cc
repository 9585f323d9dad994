#include "kernels/cog_attention.h"

#include "kernels/cpu/cog_attention.h"
#include "kernels/cuda/workspace.h"
#include "kernels/route.h"

namespace cogdist {
namespace {

constexpr int64_t kMaxHeadDim = 256;

void CheckFloat(const TensorView& x) {
  COG_CHECK(x.dtype == DType::kFloat32 || x.dtype == DType::kBFloat16,
            "attention of ", x.ToString());
}

// [batch, seq, heads, head_dim] with contiguous head_dim elements.
void CheckHeads(const TensorView& x) {
  CheckFloat(x);
  COG_CHECK_EQ(x.shape.rank(), 4);
  COG_CHECK(x.dim(3) == 1 || x.strides.dim(3) == 1,
            "head_dim elements are not contiguous");
}

void CheckSameShape(const TensorView& x, const TensorView& like) {
  CheckHeads(x);
  COG_CHECK(x.shape == like.shape, x.ToString(), " for ", like.ToString());
}

void CheckInputs(const TensorView& q, const TensorView& k, const TensorView& v,
                 float scale) {
  CheckHeads(q);
  CheckHeads(k);
  CheckSameShape(v, k);
  COG_CHECK(k.dtype == q.dtype && v.dtype == q.dtype, "q, k, v of two types");
  COG_CHECK_EQ(k.dim(0), q.dim(0));
  COG_CHECK_EQ(k.dim(3), q.dim(3));
  COG_CHECK(k.dim(2) > 0 && q.dim(2) % k.dim(2) == 0, q.dim(2),
            " query heads on ", k.dim(2), " key/value heads");
  COG_CHECK(q.dim(3) % 2 == 0 && q.dim(3) >= 2 && q.dim(3) <= kMaxHeadDim,
            "head_dim ", q.dim(3), " is not even and within 2..256");
  COG_CHECK(scale > 0, "the scale must be positive, not ", scale);
}

void CheckLse(const TensorView& lse, const TensorView& q) {
  COG_CHECK(lse.dtype == DType::kFloat32, "lse is ", lse.ToString());
  COG_CHECK(lse.shape == Shape({q.dim(0), q.dim(2), q.dim(1)}), "lse is ",
            lse.ToString(), " for q ", q.ToString());
}

void CheckMask(const AttentionMask& mask, const TensorView& q) {
  if (!mask.document_start) return;
  COG_CHECK(mask.document_start.dtype == DType::kInt32);
  COG_CHECK(mask.document_start.shape == Shape({q.dim(0), q.dim(1)}),
            "document_start is ", mask.document_start.ToString(), " for q ",
            q.ToString());
}

// A result: of the type of the inputs or float32.
void CheckResult(const TensorView& x, const TensorView& like) {
  CheckSameShape(x, like);
  COG_CHECK(x.dtype == like.dtype || x.dtype == DType::kFloat32, "result is ",
            x.ToString(), " for ", like.ToString());
}

}  // namespace

void AttentionForward(Stream& stream, const AttentionForwardArgs& args) {
  CheckInputs(args.q, args.k, args.v, args.scale);
  CheckResult(args.o, args.q);
  CheckLse(args.lse, args.q);
  CheckMask(args.mask, args.q);
  if (args.q.num_elements() == 0) return;
  Route(stream, args,
        {.cpu = cpu::AttentionForward,
         .cpu_workspace = cpu::WorkspaceBytes,
         .gpu = &KernelTable::attention_forward,
         .gpu_workspace = cuda::AttentionForwardWorkspaceBytes});
}

void AttentionBackward(Stream& stream, const AttentionBackwardArgs& args) {
  CheckInputs(args.q, args.k, args.v, args.scale);
  CheckResult(args.dq, args.q);
  CheckResult(args.dk, args.k);
  CheckResult(args.dv, args.v);
  CheckSameShape(args.d_o, args.q);
  COG_CHECK(args.d_o.dtype == args.q.dtype, "d_o is ", args.d_o.ToString());
  CheckResult(args.o, args.q);
  CheckLse(args.lse, args.q);
  CheckMask(args.mask, args.q);
  if (args.q.num_elements() + args.k.num_elements() == 0) return;
  Route(stream, args,
        {.cpu = cpu::AttentionBackward,
         .cpu_workspace = cpu::WorkspaceBytes,
         .gpu = &KernelTable::attention_backward,
         .gpu_workspace = cuda::AttentionBackwardWorkspaceBytes});
}

void AttentionMerge(Stream& stream, const AttentionMergeArgs& args) {
  CheckHeads(args.o);
  CheckSameShape(args.other_o, args.o);
  COG_CHECK(
      args.o.dtype == DType::kFloat32 && args.other_o.dtype == DType::kFloat32,
      "partial results are float32");
  CheckLse(args.lse, args.o);
  CheckLse(args.other_lse, args.o);
  Route(stream, args,
        {.cpu = cpu::AttentionMerge, .gpu = &KernelTable::attention_merge});
}

}  // namespace cogdist
