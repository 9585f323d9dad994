// Checks of arguments that several operations share. They name the argument as
// the operation's header does.

#ifndef COGDIST_KERNELS_CHECKS_H_
#define COGDIST_KERNELS_CHECKS_H_

#include "runtime/check.h"
#include "runtime/tensor.h"

// `tensor`, an expression, is contiguous and has this type and shape.
#define COG_CHECK_TENSOR(tensor, expected_dtype, ...)                       \
  COG_CHECK((tensor).dtype == (expected_dtype) &&                           \
                (tensor).shape == ::cogdist::Shape(__VA_ARGS__) &&          \
                (tensor).IsContiguous(),                                    \
            #tensor, " is ", (tensor).ToString(), ", expected contiguous ", \
            ::cogdist::TensorView(nullptr, expected_dtype,                  \
                                  ::cogdist::Shape(__VA_ARGS__))            \
                .ToString())

// `tensor` is float32 or bfloat16 and has `expected_rank` dimensions.
#define COG_CHECK_FLOAT(tensor, expected_rank)                              \
  COG_CHECK(((tensor).dtype == ::cogdist::DType::kFloat32 ||                \
             (tensor).dtype == ::cogdist::DType::kBFloat16) &&              \
                (tensor).shape.rank() == (expected_rank),                   \
            #tensor, " is ", (tensor).ToString(), ", expected float32 or ", \
            "bfloat16 of rank ", expected_rank)

// `a` and `b` can be gone through together: as flat arrays or by equal indices.
#define COG_CHECK_ALIKE(a, b)                                                \
  COG_CHECK(                                                                 \
      (a).shape == (b).shape || ((a).num_elements() == (b).num_elements() && \
                                 (a).IsContiguous() && (b).IsContiguous()),  \
      #a, " is ", (a).ToString(), ", " #b " ", (b).ToString(),               \
      ": neither of one shape nor contiguous and of one size")

#endif  // COGDIST_KERNELS_CHECKS_H_
