#include "tests/vgpu/runtime/gemm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "runtime/bfloat16.h"

namespace cogdist::vgpu {
namespace {

float Read(const void* data, cudaDataType type, int64_t i) {
  if (type == CUDA_R_32F) return static_cast<const float*>(data)[i];
  return static_cast<float>(static_cast<const BFloat16*>(data)[i]);
}

void Write(void* data, cudaDataType type, int64_t i, float value) {
  if (type == CUDA_R_32F) {
    static_cast<float*>(data)[i] = value;
  } else {
    static_cast<BFloat16*>(data)[i] = BFloat16(value);
  }
}

// One matrix of a batch, transposed if so asked, as rows without gaps.
std::vector<float> Unpack(const MatrixLayout& layout, const void* data,
                          int index, bool transpose) {
  std::vector<float> rows;
  const int64_t height = transpose ? layout.cols : layout.rows;
  const int64_t width = transpose ? layout.rows : layout.cols;
  rows.reserve(height * width);
  for (int64_t i = 0; i < height; ++i) {
    for (int64_t j = 0; j < width; ++j) {
      const int64_t offset =
          transpose ? layout.Offset(j, i) : layout.Offset(i, j);
      rows.push_back(
          Read(data, layout.type, index * layout.batch_stride + offset));
    }
  }
  return rows;
}

float Activate(uint32_t epilogue, float x) {
  if ((epilogue & CUBLASLT_EPILOGUE_GELU) != 0) {
    const float inner = 0.7978845608F * (x + 0.044715F * x * x * x);
    return 0.5F * x * (1 + std::tanh(inner));
  }
  return (epilogue & CUBLASLT_EPILOGUE_RELU) != 0 ? std::max(x, 0.0F) : x;
}

void ComputeOne(const Product& product, const ProductData& data, int index) {
  const int64_t m = product.m(), n = product.n(), k = product.k();
  const std::vector<float> a =
      Unpack(product.a, data.a, index, product.transpose_a);
  const std::vector<float> b =
      Unpack(product.b, data.b, index, product.transpose_b);
  std::vector<float> sums(n);
  for (int64_t i = 0; i < m; ++i) {
    std::fill(sums.begin(), sums.end(), 0.0F);
    for (int64_t l = 0; l < k; ++l) {
      for (int64_t j = 0; j < n; ++j) sums[j] += a[i * k + l] * b[l * n + j];
    }
    for (int64_t j = 0; j < n; ++j) {
      float value = data.alpha * sums[j];
      if (data.beta != 0) {
        value += data.beta *
                 Read(data.c, product.c.type,
                      index * product.c.batch_stride + product.c.Offset(i, j));
      }
      if (product.has_bias()) value += Read(product.bias, product.d.type, i);
      Write(data.d, product.d.type,
            index * product.d.batch_stride + product.d.Offset(i, j),
            Activate(product.epilogue, value));
    }
  }
}

std::string LayoutProblem(const char* name, const MatrixLayout& layout) {
  if (SizeOf(layout.type) == 0) return absl::StrCat(name, " has another type");
  const bool by_columns = layout.order == CUBLASLT_ORDER_COL;
  if (!by_columns && layout.order != CUBLASLT_ORDER_ROW) {
    return absl::StrCat(name, " has another order");
  }
  const int64_t least = by_columns ? layout.rows : layout.cols;
  if (layout.rows <= 0 || layout.cols <= 0 || layout.ld < least) {
    return absl::StrCat(name, " is ", layout.rows, " x ", layout.cols,
                        " with leading dimension ", layout.ld);
  }
  if (layout.batch < 1) return absl::StrCat(name, " has no matrix");
  return "";
}

}  // namespace

int64_t SizeOf(cudaDataType type) {
  return type == CUDA_R_32F ? 4 : type == CUDA_R_16BF ? 2 : 0;
}

int64_t MatrixLayout::Bytes() const {
  return ((batch - 1) * batch_stride + Offset(rows - 1, cols - 1) + 1) *
         SizeOf(type);
}

int64_t Product::BiasBytes() const { return d.rows * SizeOf(d.type); }

std::string Product::Problem() const {
  for (const auto& [name, layout] : {std::pair("A", &a), std::pair("B", &b),
                                     std::pair("C", &c), std::pair("D", &d)}) {
    std::string problem = LayoutProblem(name, *layout);
    if (!problem.empty()) return problem;
    if (layout->batch != d.batch) return "the batches differ";
  }
  if (scale != CUDA_R_32F) return "the scale is not float32";
  if (a.type != b.type || c.type != d.type) return "types do not go together";
  if (a.type == CUDA_R_32F && d.type != CUDA_R_32F) {
    return "float32 factors with another product";
  }
  const int64_t a_rows = transpose_a ? a.cols : a.rows;
  const int64_t b_rows = transpose_b ? b.cols : b.rows;
  const int64_t b_cols = transpose_b ? b.rows : b.cols;
  if (a_rows != m() || b_cols != n() || b_rows != k()) {
    return absl::StrCat(a_rows, " x ", k(), " times ", b_rows, " x ", b_cols,
                        " is not ", m(), " x ", n());
  }
  if (c.rows != d.rows || c.cols != d.cols) return "C and D differ in size";
  constexpr uint32_t kKnown = CUBLASLT_EPILOGUE_DEFAULT |
                              CUBLASLT_EPILOGUE_RELU | CUBLASLT_EPILOGUE_BIAS |
                              CUBLASLT_EPILOGUE_GELU;
  if ((epilogue & ~kKnown) != 0) return "another epilogue";
  if (has_bias() && bias == nullptr) return "a bias without its address";
  return "";
}

uint64_t Product::Fingerprint() const {
  uint64_t print = absl::HashOf(compute, scale, transpose_a, transpose_b,
                                epilogue, d.batch, a.batch_stride);
  for (const MatrixLayout* layout : {&a, &b, &c, &d}) {
    print = absl::HashOf(print, layout->type, layout->order, layout->rows,
                         layout->cols, layout->ld);
  }
  return print;
}

void Compute(const Product& product, const ProductData& data) {
  for (int i = 0; i < product.d.batch; ++i) ComputeOne(product, data, i);
}

}  // namespace cogdist::vgpu
