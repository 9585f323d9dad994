// cuBLASLt's interface. Descriptors are taken at their word: every attribute is
// interpreted or refused, an algorithm serves only the product that it was made
// for, and pointers are held to the alignment that was promised for them.

#include "cublasLt.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/vgpu/runtime/footprint.h"
#include "tests/vgpu/runtime/gemm.h"
#include "tests/vgpu/runtime/machine.h"
#include "tests/vgpu/runtime/stream.h"

using cogdist::vgpu::Footprint;
using cogdist::vgpu::Machine;
using cogdist::vgpu::MatrixLayout;
using cogdist::vgpu::Product;
using cogdist::vgpu::ProductData;
using cogdist::vgpu::SizeOf;
using cogdist::vgpu::Stream;
using cogdist::vgpu::Work;

struct cublasLtContext {};

struct cublasLtMatrixLayoutOpaque_t {
  MatrixLayout layout;
};

struct cublasLtMatmulDescOpaque_t {
  Product product;  // without its layouts
};

struct cublasLtMatmulPreferenceOpaque_t {
  uint64_t workspace_bytes = 0;
  uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;
  uint32_t alignment[4] = {256, 256, 256, 256};  // of A, B, C, D
};

namespace {

// What hides in a cublasLtMatmulAlgo_t.
struct Algorithm {
  uint64_t fingerprint = 0;
  uint64_t workspace_bytes = 0;
  uint32_t alignment[4] = {};
  uint32_t bias_alignment = 1;
};
static_assert(sizeof(Algorithm) <= sizeof(cublasLtMatmulAlgo_t));

cublasStatus_t Enter(const char* name) {
  return static_cast<cublasStatus_t>(Machine::Current().Enter(name));
}

cublasStatus_t Misuse(const char* name, const std::string& text) {
  Machine::Current().Report(absl::StrCat(name, ": ", text));
  return CUBLAS_STATUS_INVALID_VALUE;
}

// Sets `field` to a value that comes as a `Wire` of `bytes` bytes.
template <typename Wire, typename Field>
cublasStatus_t Set(const void* buffer, size_t bytes, Field* field) {
  if (buffer == nullptr || bytes != sizeof(Wire)) {
    return Misuse("an attribute", absl::StrCat("comes with ", bytes,
                                               " bytes, not ", sizeof(Wire)));
  }
  Wire value;
  std::memcpy(&value, buffer, sizeof(Wire));
  *field = static_cast<Field>(value);
  return CUBLAS_STATUS_SUCCESS;
}

Product Assemble(cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                 cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                 cublasLtMatrixLayout_t d) {
  Product product = desc->product;
  product.a = a->layout;
  product.b = b->layout;
  product.c = c->layout;
  product.d = d->layout;
  return product;
}

struct Workspace {
  void* data = nullptr;
  size_t bytes = 0;
};

// The most, up to 256 bytes, that an address is a multiple of.
uint32_t AlignmentOf(const void* data) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(data) | 256;
  return address & -address;
}

std::string AlignmentProblem(const Algorithm& algorithm, const void* bias,
                             const ProductData& data) {
  if (bias != nullptr && AlignmentOf(bias) < algorithm.bias_alignment) {
    return absl::StrCat("the bias is not aligned to the ",
                        algorithm.bias_alignment,
                        " bytes of the one that the algorithm was chosen for");
  }
  const void* const pointers[] = {data.a, data.b, data.c, data.d};
  for (int i = 0; i < 4; ++i) {
    if (reinterpret_cast<uintptr_t>(pointers[i]) % algorithm.alignment[i] ==
        0) {
      continue;
    }
    return absl::StrCat(absl::string_view("ABCD").substr(i, 1),
                        " is not aligned to the ", algorithm.alignment[i],
                        " bytes that its preference promised");
  }
  return "";
}

std::string Problem(const Product& product, const ProductData& data,
                    const cublasLtMatmulAlgo_t* algo,
                    const Workspace& workspace) {
  std::string problem = product.Problem();
  if (!problem.empty()) return problem;
  if (algo == nullptr) return "no algorithm";
  Algorithm algorithm;
  std::memcpy(static_cast<void*>(&algorithm), algo, sizeof(algorithm));
  if (algorithm.fingerprint != product.Fingerprint()) {
    return "the algorithm was made for another product";
  }
  if (workspace.bytes < algorithm.workspace_bytes) {
    return absl::StrCat("workspace of ", workspace.bytes, " bytes, where ",
                        algorithm.workspace_bytes, " are needed");
  }
  if (reinterpret_cast<uintptr_t>(workspace.data) % 16 != 0) {
    return "the workspace is not aligned to 16 bytes";
  }
  return AlignmentProblem(algorithm,
                          product.has_bias() ? product.bias : nullptr, data);
}

bool CheckPointers(const Product& product, const ProductData& data,
                   const Workspace& workspace, int device) {
  Machine& machine = Machine::Current();
  const auto check = [&](const char* name, const void* memory, int64_t bytes) {
    return machine.CheckDevicePointer("cublasLtMatmul", name, memory, bytes,
                                      device);
  };
  return check("A", data.a, product.a.Bytes()) &&
         check("B", data.b, product.b.Bytes()) &&
         check("C", data.c, data.beta == 0 ? 0 : product.c.Bytes()) &&
         check("D", data.d, product.d.Bytes()) &&
         check("bias", product.bias,
               product.has_bias() ? product.BiasBytes() : 0) &&
         check("workspace", workspace.data, workspace.bytes);
}

void Read(Footprint& footprint, const void* data, const MatrixLayout& layout) {
  const int64_t size = SizeOf(layout.type);
  layout.ForRuns([&](int64_t first, int64_t count) {
    footprint.Read(static_cast<const char*>(data) + first * size, count * size);
  });
}

void Tell(Footprint& footprint, const Product& product,
          const ProductData& data) {
  Read(footprint, data.a, product.a);
  Read(footprint, data.b, product.b);
  if (data.beta != 0) Read(footprint, data.c, product.c);
  if (product.has_bias()) footprint.Read(product.bias, product.BiasBytes());
  const int64_t size = SizeOf(product.d.type);
  product.d.ForRuns([&](int64_t first, int64_t count) {
    footprint.Write(static_cast<const char*>(data.d) + first * size,
                    count * size);
  });
}

// On the stream's thread.
void Run(Stream& stream, const Product& product, const ProductData& data,
         const Workspace& workspace) {
  const std::lock_guard lock(stream.machine().baton(stream.device()));
  Footprint footprint(stream, "cublasLtMatmul");
  footprint.Write(workspace.data, workspace.bytes);
  // Whoever shares the workspace with something alive shall notice.
  if (workspace.bytes > 0) std::memset(workspace.data, 0xff, workspace.bytes);
  Tell(footprint, product, data);
  Compute(product, data);
}

}  // namespace

extern "C" {

const char* cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return "unknown status";
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new cublasLtContext;
  return Enter("cublasLtCreate");
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete handle;
  return Enter("cublasLtDestroy");
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout,
                                          cudaDataType type, uint64_t rows,
                                          uint64_t cols, int64_t ld) {
  *layout = new cublasLtMatrixLayoutOpaque_t{
      .layout = {.type = type,
                 .rows = static_cast<int64_t>(rows),
                 .cols = static_cast<int64_t>(cols),
                 .ld = ld}};
  return Enter("cublasLtMatrixLayoutCreate");
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete layout;
  return Enter("cublasLtMatrixLayoutDestroy");
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(
    cublasLtMatrixLayout_t matrix, cublasLtMatrixLayoutAttribute_t attribute,
    const void* buffer, size_t bytes) {
  MatrixLayout& layout = matrix->layout;
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_TYPE:
      return Set<uint32_t>(buffer, bytes, &layout.type);
    case CUBLASLT_MATRIX_LAYOUT_ORDER:
      return Set<int32_t>(buffer, bytes, &layout.order);
    case CUBLASLT_MATRIX_LAYOUT_ROWS:
      return Set<uint64_t>(buffer, bytes, &layout.rows);
    case CUBLASLT_MATRIX_LAYOUT_COLS:
      return Set<uint64_t>(buffer, bytes, &layout.cols);
    case CUBLASLT_MATRIX_LAYOUT_LD:
      return Set<int64_t>(buffer, bytes, &layout.ld);
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
      return Set<int32_t>(buffer, bytes, &layout.batch);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
      return Set<int64_t>(buffer, bytes, &layout.batch_stride);
  }
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* desc,
                                        cublasComputeType_t compute,
                                        cudaDataType scale) {
  *desc = new cublasLtMatmulDescOpaque_t{
      .product = {.compute = compute, .scale = scale}};
  return Enter("cublasLtMatmulDescCreate");
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
  delete desc;
  return Enter("cublasLtMatmulDescDestroy");
}

cublasStatus_t cublasLtMatmulDescSetAttribute(
    cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute,
    const void* buffer, size_t bytes) {
  Product& product = desc->product;
  int32_t ignored = 0;
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE:
      return Set<int32_t>(buffer, bytes, &product.compute);
    case CUBLASLT_MATMUL_DESC_SCALE_TYPE:
      return Set<int32_t>(buffer, bytes, &product.scale);
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return Set<int32_t>(buffer, bytes, &product.transpose_a);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return Set<int32_t>(buffer, bytes, &product.transpose_b);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return Set<uint32_t>(buffer, bytes, &product.epilogue);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return Set<const void*>(buffer, bytes, &product.bias);
    case CUBLASLT_MATMUL_DESC_POINTER_MODE:
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
      // Scales on the host and a bias of D's type is what there is.
      Set<int32_t>(buffer, bytes, &ignored);
      return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(
    cublasLtMatmulPreference_t* preference) {
  *preference = new cublasLtMatmulPreferenceOpaque_t;
  return Enter("cublasLtMatmulPreferenceCreate");
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(
    cublasLtMatmulPreference_t preference) {
  delete preference;
  return Enter("cublasLtMatmulPreferenceDestroy");
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(
    cublasLtMatmulPreference_t preference,
    cublasLtMatmulPreferenceAttributes_t attribute, const void* buffer,
    size_t bytes) {
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return Set<uint64_t>(buffer, bytes, &preference->workspace_bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      return Set<uint32_t>(buffer, bytes, &preference->reductions);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return Set<uint32_t>(
          buffer, bytes,
          &preference->alignment[attribute -
                                 CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES]);
  }
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
    cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
    cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference,
    int requested, cublasLtMatmulHeuristicResult_t results[], int* returned) {
  constexpr const char* kName = "cublasLtMatmulAlgoGetHeuristic";
  *returned = 0;
  const cublasStatus_t planned = Enter(kName);
  if (planned != CUBLAS_STATUS_SUCCESS) return planned;
  const Product product = Assemble(desc, a, b, c, d);
  const std::string problem = product.Problem();
  if (!problem.empty()) return Misuse(kName, problem);
  if (requested < 1) return CUBLAS_STATUS_INVALID_VALUE;
  // Takes workspace where it is allowed to, so that what is passed on is used.
  Algorithm algorithm = {.fingerprint = product.Fingerprint()};
  algorithm.workspace_bytes =
      std::min<uint64_t>(preference->workspace_bytes, 4096);
  std::copy_n(preference->alignment, 4, algorithm.alignment);
  if (product.has_bias()) algorithm.bias_alignment = AlignmentOf(product.bias);
  results[0] = {};
  std::memcpy(&results[0].algo, &algorithm, sizeof(algorithm));
  results[0].workspaceSize = algorithm.workspace_bytes;
  results[0].state = CUBLAS_STATUS_SUCCESS;
  results[0].wavesCount = 1;
  *returned = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t desc,
                              const void* alpha, const void* a,
                              cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta,
                              const void* c, cublasLtMatrixLayout_t c_layout,
                              void* d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algo,
                              void* workspace_data, size_t workspace_bytes,
                              cudaStream_t handle) {
  constexpr const char* kName = "cublasLtMatmul";
  const cublasStatus_t planned = Enter(kName);
  if (planned != CUBLAS_STATUS_SUCCESS) return planned;
  Stream* const stream = Machine::Current().FindStream(kName, handle);
  if (stream == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  const Product product =
      Assemble(desc, a_layout, b_layout, c_layout, d_layout);
  const ProductData data = {.d = d,
                            .a = a,
                            .b = b,
                            .c = c,
                            .alpha = *static_cast<const float*>(alpha),
                            .beta = *static_cast<const float*>(beta)};
  const Workspace workspace = {workspace_data, workspace_bytes};
  const std::string problem = Problem(product, data, algo, workspace);
  if (!problem.empty()) return Misuse(kName, problem);
  const cudaError_t error = stream->Submit(kName, [=](Work* work) {
    if (!CheckPointers(product, data, workspace, stream->device())) {
      return cudaErrorIllegalAddress;
    }
    *work = [=](Stream& on) { Run(on, product, data, workspace); };
    return cudaSuccess;
  });
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS
                              : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // extern "C"
