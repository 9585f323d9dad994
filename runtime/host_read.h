// A tensor's bytes on the host, wherever it lies: for checksums and statistics.

#ifndef COGDIST_RUNTIME_HOST_READ_H_
#define COGDIST_RUNTIME_HOST_READ_H_

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// Calls `read` with the bytes of `x` in order, in pieces of whole elements,
// after the work that is on `stream`. Host memory is read in place, as one
// piece; other memory is copied piece by piece. On a meta device there is
// nothing to read. Blocks. REQUIRES: `x` is contiguous.
void ReadOnHost(Stream& stream, const TensorView& x,
                absl::FunctionRef<void(absl::string_view bytes)> read);

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_HOST_READ_H_
