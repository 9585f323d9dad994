#include "kernels/cpu/matmul.h"

#include <optional>

#include "kernels/cpu/cast.h"
#include "kernels/cpu/matmul_grid.h"
#include "runtime/device.h"

namespace cogdist::cpu {
namespace {

int64_t AlignUp(int64_t bytes) {
  return (bytes + Device::kAlignment - 1) & ~(Device::kAlignment - 1);
}

// The operands in float32: bfloat16 ones at consecutive places of `memory`.
struct Widened {
  MatMulArgs args;
  int64_t bytes = 0;  // of memory
};

Widened Widen(const MatMulArgs& args, char* memory) {
  Widened result = {.args = args};
  MatMulArgs& wide = result.args;
  for (TensorView* x : {&wide.c, &wide.a, &wide.b, &wide.bias}) {
    if (x->dtype == DType::kFloat32) continue;
    *x = TensorView(memory + result.bytes, DType::kFloat32, x->shape);
    result.bytes += AlignUp(x->bytes());
  }
  return result;
}

// Converts matrices whose rows may be strided.
void CastRows(CpuStream& stream, const TensorView& to, const TensorView& from) {
  if (to.data == from.data) return;
  for (int64_t row = 0; row < to.dim(0); ++row) {
    const TensorView to_row = to.Slice(0, row, 1);
    const TensorView from_row = from.Slice(0, row, 1);
    Cast(stream, {.to = to_row, .from = from_row});
  }
}

TensorView AsRow(const TensorView& x) { return x.Reshape({1, x.dim(0)}); }

// c = 0 or c += 0.
void EmptySum(CpuStream& stream, const MatMulArgs& args) {
  if (args.accumulate) return;
  const TensorView& c = args.c;
  for (int64_t row = 0; row < c.dim(0); ++row) {
    FillZero(stream, c.Slice(0, row, 1));
  }
}

bool IsEmpty(const MatMulArgs& args) {
  return args.c.num_elements() == 0 || args.a.num_elements() == 0;
}

}  // namespace

void WidenedMatMul(CpuStream& stream, const MatMulArgs& args) {
  const int64_t bytes = WidenedMatMulWorkspaceBytes(stream, args);
  char* const memory = static_cast<char*>(stream.Workspace(bytes));
  const Widened wide = Widen(args, memory);
  CastRows(stream, wide.args.a, args.a);
  CastRows(stream, wide.args.b, args.b);
  if (args.bias) CastRows(stream, AsRow(wide.args.bias), AsRow(args.bias));
  if (args.accumulate) CastRows(stream, wide.args.c, args.c);
  MatMulGrid::Make(stream, wide.args)
      ->Run(wide.args, stream.device(), memory + wide.bytes);
  CastRows(stream, args.c, wide.args.c);
}

int64_t WidenedMatMulWorkspaceBytes(Stream& stream, const MatMulArgs& args) {
  const Widened wide = Widen(args, nullptr);
  return wide.bytes + MatMulGrid::Make(stream, wide.args)->scratch_bytes();
}

void MatMul(CpuStream& stream, const MatMulArgs& args) {
  if (IsEmpty(args)) return EmptySum(stream, args);
  const std::optional<MatMulGrid> product = MatMulGrid::Make(stream, args);
  if (!product) return WidenedMatMul(stream, args);
  product->Run(args, stream.device(),
               stream.Workspace(product->scratch_bytes()));
}

int64_t MatMulWorkspaceBytes(Stream& stream, const MatMulArgs& args) {
  if (IsEmpty(args)) return 0;
  const std::optional<MatMulGrid> product = MatMulGrid::Make(stream, args);
  if (!product) return WidenedMatMulWorkspaceBytes(stream, args);
  return product->scratch_bytes();
}

}  // namespace cogdist::cpu
