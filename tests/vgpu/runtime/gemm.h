// A matrix product as cuBLASLt's descriptors describe it, plainly computed.

#ifndef COGDIST_TESTS_VGPU_RUNTIME_GEMM_H_
#define COGDIST_TESTS_VGPU_RUNTIME_GEMM_H_

#include <cstdint>
#include <string>

#include "cublasLt.h"

namespace cogdist::vgpu {

struct MatrixLayout {
  cudaDataType type = CUDA_R_32F;
  cublasLtOrder_t order = CUBLASLT_ORDER_COL;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t ld = 0;  // elements from one column (or row) to the next
  int batch = 1;
  int64_t batch_stride = 0;  // in elements

  // From the first byte of the first matrix to the last of the last.
  int64_t Bytes() const;
  // f(first, count) of all elements, as runs without gaps.
  template <typename F>
  void ForRuns(const F& f) const {
    const bool by_columns = order == CUBLASLT_ORDER_COL;
    const int64_t runs = by_columns ? cols : rows;
    const int64_t length = by_columns ? rows : cols;
    for (int matrix = 0; matrix < batch; ++matrix) {
      for (int64_t i = 0; i < runs; ++i) {
        f(matrix * batch_stride + i * ld, length);
      }
    }
  }
  int64_t Offset(int64_t row, int64_t col) const {  // in elements
    return order == CUBLASLT_ORDER_COL ? col * ld + row : row * ld + col;
  }
};

struct Product {
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  cudaDataType scale = CUDA_R_32F;
  bool transpose_a = false;
  bool transpose_b = false;
  uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
  MatrixLayout a, b, c, d;

  int64_t m() const { return d.rows; }
  int64_t n() const { return d.cols; }
  int64_t k() const { return transpose_a ? a.rows : a.cols; }
  bool has_bias() const { return (epilogue & CUBLASLT_EPILOGUE_BIAS) != 0; }
  int64_t BiasBytes() const;  // one value of d's type for each of its rows

  // Why it cannot be computed; empty if it can.
  std::string Problem() const;
  // Tells products apart that an algorithm must not be shared by.
  uint64_t Fingerprint() const;
};

int64_t SizeOf(cudaDataType type);

struct ProductData {
  void* d = nullptr;
  const void* a = nullptr;
  const void* b = nullptr;
  const void* c = nullptr;  // may be d; not read if beta is 0
  float alpha = 1;
  float beta = 0;
};

// d = epilogue(alpha op(a) op(b) + beta c + bias), in float32 and rounded once.
void Compute(const Product& product, const ProductData& data);

}  // namespace cogdist::vgpu

#endif  // COGDIST_TESTS_VGPU_RUNTIME_GEMM_H_
