// cuBLASLt's descriptors and choice of kernel for one product.

#ifndef COGDIST_KERNELS_CUDA_MATMUL_PLAN_H_
#define COGDIST_KERNELS_CUDA_MATMUL_PLAN_H_

#include <cublasLt.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "kernels/matmul.h"

namespace cogdist::cuda {

// Ends the process unless `status` is success; see COG_CHECK_CUBLAS.
void CheckCublas(cublasStatus_t status, const char* call, const char* file,
                 int line);

// What tells products apart, in the words of row-major matrices.
struct MatMulKey {
  int64_t m = 0, n = 0, k = 0;
  int64_t row_a = 0, row_b = 0, row_c = 0;    // elements from row to row
  int align_a = 0, align_b = 0, align_c = 0;  // of the addresses, in bytes
  int align_bias = 0;                         // 0 without a bias
  DType input = DType::kFloat32, output = DType::kFloat32;
  bool transpose_a = false, transpose_b = false;
  bool fixed = false;  // no sums split over blocks

  static MatMulKey Of(const MatMulArgs& args);

  friend bool operator==(const MatMulKey& a, const MatMulKey& b) = default;
  template <typename H>
  friend H AbslHashValue(H state, const MatMulKey& x) {
    return H::combine(std::move(state), x.m, x.n, x.k, x.row_a, x.row_b,
                      x.row_c, x.align_a, x.align_b, x.align_c, x.align_bias,
                      x.input, x.output, x.transpose_a, x.transpose_b, x.fixed);
  }
};

// Owns its descriptors.
class MatMulPlan {
 public:
  MatMulPlan(cublasLtHandle_t handle, const MatMulKey& key);
  ~MatMulPlan();
  MatMulPlan(const MatMulPlan&) = delete;

  // At most kMatMulWorkspaceBytes.
  uint64_t workspace_bytes() const { return workspace_bytes_; }

  struct Operands {
    void* c = nullptr;
    const void* a = nullptr;
    const void* b = nullptr;
    const void* bias = nullptr;
    void* workspace = nullptr;
    float beta = 0;  // what is in c counts as much
  };
  void Run(cublasLtHandle_t handle, const Operands& operands,
           cudaStream_t stream) const;

 private:
  void SetBias(const void* bias) const;
  void ChooseAlgorithm(cublasLtHandle_t handle, const MatMulKey& key);

  cublasLtMatmulDesc_t product_ = nullptr;
  // As cuBLASLt's A, B and C, which are our b, a and c.
  cublasLtMatrixLayout_t a_ = nullptr, b_ = nullptr, c_ = nullptr;
  cublasLtMatmulAlgo_t algorithm_ = {};
  uint64_t workspace_bytes_ = 0;
};

// The plans of a stream, made when they are first needed.
class MatMulPlans {
 public:
  MatMulPlans();
  ~MatMulPlans();
  MatMulPlans(const MatMulPlans&) = delete;

  cublasLtHandle_t handle() const { return handle_; }
  const MatMulPlan& For(const MatMulKey& key);

 private:
  cublasLtHandle_t handle_ = nullptr;
  absl::flat_hash_map<MatMulKey, std::unique_ptr<MatMulPlan>> plans_;
};

}  // namespace cogdist::cuda

// COG_CHECK_CUBLAS(cublasLtCreate(&handle)): the call succeeds, or the rank
// ends.
#define COG_CHECK_CUBLAS(call) \
  ::cogdist::cuda::CheckCublas((call), #call, __FILE__, __LINE__)

#endif  // COGDIST_KERNELS_CUDA_MATMUL_PLAN_H_
