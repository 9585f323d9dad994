#include "launcher/bench/kernel_benchmarks.h"

#include "absl/strings/str_cat.h"
#include "kernels/matmul.h"
#include "launcher/bench/device_tensors.h"
#include "runtime/status_macros.h"

namespace cogdist {

absl::Status BenchmarkProducts(const KernelShapes& shapes, DType type,
                               KernelTimer& timer) {
  Stream& stream = timer.stream();
  for (const LayerProduct& product : LayerProducts(shapes, type)) {
    const auto& [m, n, k, in, out, accumulate] = product.shape;
    DeviceTensors tensors(stream);
    const MatMulArgs args = {
        .c = tensors.Zeros(out, {m, n}),
        .a = tensors.Normal(
            in, product.transpose_a ? Shape({k, m}) : Shape({m, k})),
        .b = tensors.Normal(
            in, product.transpose_b ? Shape({n, k}) : Shape({k, n})),
        .transpose_a = product.transpose_a,
        .transpose_b = product.transpose_b,
        .accumulate = accumulate};
    COG_RETURN_IF_ERROR(tensors.status());
    timer.Time(absl::StrCat("matmul ", Name(type), " ", product.name),
               MatMulCost(product.shape), [&] { MatMul(stream, args); });
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<BenchmarkRow>> BenchmarkKernels(
    Stream& stream, const KernelShapes& shapes, double least_seconds) {
  std::vector<BenchmarkRow> rows;
  for (const DType type : {DType::kFloat32, DType::kBFloat16}) {
    COG_ASSIGN_OR_RETURN(const Yardsticks yardsticks,
                         MeasureYardsticks(stream, type, shapes.parameters));
    rows.push_back({.what = absl::StrCat("GEMM ", Name(type)),
                    .rate = yardsticks.gemm_flops,
                    .unit = "FLOP",
                    .share = 1});
    rows.push_back({.what = "copy",
                    .rate = yardsticks.copy_bytes,
                    .unit = "byte",
                    .share = 1,
                    .share_of = "copy"});
    KernelTimer timer(stream, yardsticks, least_seconds);
    COG_RETURN_IF_ERROR(BenchmarkProducts(shapes, type, timer));
    COG_RETURN_IF_ERROR(BenchmarkAttention(shapes, type, timer));
    COG_RETURN_IF_ERROR(BenchmarkNorms(shapes, type, timer));
    COG_RETURN_IF_ERROR(BenchmarkElementwise(shapes, type, timer));
    rows.insert(rows.end(), timer.rows().begin(), timer.rows().end());
  }
  return rows;
}

}  // namespace cogdist
