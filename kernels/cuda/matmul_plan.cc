#include "kernels/cuda/matmul_plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/cuda/workspace.h"
#include "runtime/check.h"

namespace cogdist::cuda {
namespace {

// A power of two that the address is a multiple of; more than 16 bytes do not
// help any kernel, and would only make more plans.
int AlignmentOf(const void* data) {
  constexpr uintptr_t kMost = 16;
  const uintptr_t address = reinterpret_cast<uintptr_t>(data) | kMost;
  return static_cast<int>(address & -address);
}

// A single row may claim any stride.
int64_t RowOf(const TensorView& x) {
  return std::max(x.strides.dim(0), x.dim(1));
}

cudaDataType TypeOf(DType dtype) {
  return dtype == DType::kFloat32 ? CUDA_R_32F : CUDA_R_16BF;
}

// The transpose of a matrix that is stored by rows, as one stored by columns.
cublasLtMatrixLayout_t Transposed(DType dtype, int64_t rows, int64_t cols,
                                  int64_t row) {
  cublasLtMatrixLayout_t layout = nullptr;
  COG_CHECK_CUBLAS(
      cublasLtMatrixLayoutCreate(&layout, TypeOf(dtype), cols, rows, row));
  return layout;
}

template <typename T>
void Set(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t attribute,
         T value) {
  COG_CHECK_CUBLAS(cublasLtMatmulDescSetAttribute(product, attribute, &value,
                                                  sizeof(value)));
}

int32_t OperationOf(bool transpose) {
  return transpose ? CUBLAS_OP_T : CUBLAS_OP_N;
}

template <typename T>
void Prefer(cublasLtMatmulPreference_t preference,
            cublasLtMatmulPreferenceAttributes_t attribute, T value) {
  COG_CHECK_CUBLAS(cublasLtMatmulPreferenceSetAttribute(preference, attribute,
                                                        &value, sizeof(value)));
}

cublasLtMatmulPreference_t MakePreference(const MatMulKey& key) {
  cublasLtMatmulPreference_t preference = nullptr;
  COG_CHECK_CUBLAS(cublasLtMatmulPreferenceCreate(&preference));
  Prefer<uint64_t>(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                   kMatMulWorkspaceBytes);
  Prefer<uint32_t>(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
                   key.align_b);
  Prefer<uint32_t>(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                   key.align_a);
  Prefer<uint32_t>(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
                   key.align_c);
  Prefer<uint32_t>(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
                   key.align_c);
  if (key.fixed) {
    Prefer<uint32_t>(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                     CUBLASLT_REDUCTION_SCHEME_NONE);
  }
  return preference;
}

}  // namespace

void CheckCublas(cublasStatus_t status, const char* call, const char* file,
                 int line) {
  if (status != CUBLAS_STATUS_SUCCESS) [[unlikely]] {
    CheckFailed(
        file, line,
        absl::StrCat(call, " failed: ", cublasLtGetStatusString(status)));
  }
}

MatMulKey MatMulKey::Of(const MatMulArgs& args) {
  return {.m = args.c.dim(0),
          .n = args.c.dim(1),
          .k = args.a.dim(args.transpose_a ? 0 : 1),
          .row_a = RowOf(args.a),
          .row_b = RowOf(args.b),
          .row_c = RowOf(args.c),
          .align_a = AlignmentOf(args.a.data),
          .align_b = AlignmentOf(args.b.data),
          .align_c = AlignmentOf(args.c.data),
          .align_bias = args.bias ? AlignmentOf(args.bias.data) : 0,
          .input = args.a.dtype,
          .output = args.c.dtype,
          .transpose_a = args.transpose_a,
          .transpose_b = args.transpose_b,
          .fixed = args.blocking == MatMulBlocking::kFixed};
}

MatMulPlan::MatMulPlan(cublasLtHandle_t handle, const MatMulKey& key) {
  // Full float32 for float32 inputs: TF32 is a compute type of its own.
  COG_CHECK_CUBLAS(
      cublasLtMatmulDescCreate(&product_, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  Set(product_, CUBLASLT_MATMUL_DESC_TRANSA, OperationOf(key.transpose_b));
  Set(product_, CUBLASLT_MATMUL_DESC_TRANSB, OperationOf(key.transpose_a));
  if (key.align_bias > 0) {
    Set<uint32_t>(product_, CUBLASLT_MATMUL_DESC_EPILOGUE,
                  CUBLASLT_EPILOGUE_BIAS);
    // The choice of a kernel reads the alignment off the address, and only
    // that: it must not be better than what the key says.
    SetBias(
        reinterpret_cast<const void*>(static_cast<uintptr_t>(key.align_bias)));
  }
  const auto factor = [&](bool transpose, int64_t rows, int64_t cols,
                          int64_t row) {
    if (transpose) std::swap(rows, cols);
    return Transposed(key.input, rows, cols, row);
  };
  a_ = factor(key.transpose_b, key.k, key.n, key.row_b);
  b_ = factor(key.transpose_a, key.m, key.k, key.row_a);
  c_ = Transposed(key.output, key.m, key.n, key.row_c);
  ChooseAlgorithm(handle, key);
}

void MatMulPlan::ChooseAlgorithm(cublasLtHandle_t handle,
                                 const MatMulKey& key) {
  const cublasLtMatmulPreference_t preference = MakePreference(key);
  cublasLtMatmulHeuristicResult_t best = {};
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      handle, product_, a_, b_, c_, c_, preference, 1, &best, &found);
  COG_CHECK_CUBLAS(cublasLtMatmulPreferenceDestroy(preference));
  COG_CHECK_CUBLAS(status);
  COG_CHECK(found > 0 && best.state == CUBLAS_STATUS_SUCCESS,
            "cuBLASLt has no kernel for a product of ", key.m, " x ", key.k,
            " by ", key.k, " x ", key.n, " of ", Name(key.input));
  algorithm_ = best.algo;
  workspace_bytes_ = best.workspaceSize;
}

MatMulPlan::~MatMulPlan() {
  for (const cublasLtMatrixLayout_t layout : {a_, b_, c_}) {
    cublasLtMatrixLayoutDestroy(layout);
  }
  cublasLtMatmulDescDestroy(product_);
}

void MatMulPlan::SetBias(const void* bias) const {
  Set(product_, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
}

void MatMulPlan::Run(cublasLtHandle_t handle, const Operands& operands,
                     cudaStream_t stream) const {
  const float alpha = 1;
  if (operands.bias != nullptr) SetBias(operands.bias);
  COG_CHECK_CUBLAS(cublasLtMatmul(
      handle, product_, &alpha, operands.b, a_, operands.a, b_, &operands.beta,
      operands.c, c_, operands.c, c_, &algorithm_, operands.workspace,
      workspace_bytes_, stream));
}

MatMulPlans::MatMulPlans() { COG_CHECK_CUBLAS(cublasLtCreate(&handle_)); }

MatMulPlans::~MatMulPlans() {
  plans_.clear();
  cublasLtDestroy(handle_);
}

const MatMulPlan& MatMulPlans::For(const MatMulKey& key) {
  std::unique_ptr<MatMulPlan>& plan = plans_[key];
  if (plan == nullptr) plan = std::make_unique<MatMulPlan>(handle_, key);
  return *plan;
}

}  // namespace cogdist::cuda
