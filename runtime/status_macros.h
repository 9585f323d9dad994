// Early returns for absl::Status: the way every function that meets the outside
// world (configuration, files, network) reports failure.

#ifndef COGDIST_RUNTIME_STATUS_MACROS_H_
#define COGDIST_RUNTIME_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns `expr`'s status from the enclosing function unless it is OK.
#define COG_RETURN_IF_ERROR(expr)                                              \
  do {                                                                         \
    if (absl::Status cog_status = (expr); !cog_status.ok()) return cog_status; \
  } while (false)

// Evaluates `rexpr`, an absl::StatusOr<T>; returns its status if it failed,
// else moves its value into `lhs`, which may be a declaration.
#define COG_ASSIGN_OR_RETURN(lhs, rexpr) \
  COG_ASSIGN_OR_RETURN_IMPL_(COG_CONCAT_(cog_status_or_, __LINE__), lhs, rexpr)

#define COG_ASSIGN_OR_RETURN_IMPL_(result, lhs, rexpr) \
  auto result = (rexpr);                               \
  if (!result.ok()) return std::move(result).status(); \
  lhs = *std::move(result)

#define COG_CONCAT_(a, b) COG_CONCAT_IMPL_(a, b)
#define COG_CONCAT_IMPL_(a, b) a##b

#endif  // COGDIST_RUNTIME_STATUS_MACROS_H_
