// What weights and gradients look like when a run gives up.

#ifndef COGDIST_LAUNCHER_DIAGNOSTICS_H_
#define COGDIST_LAUNCHER_DIAGNOSTICS_H_

#include <cstdint>
#include <string>

#include "parallel/param_store.h"
#include "runtime/stream.h"

namespace cogdist {

// A text with a line for the weights and one for the gradients of each tensor
// that this rank owns (with ZeRO a part): values that are not finite, and
// smallest, largest and root mean square of the others. Tensors with such
// values come first.
std::string DescribeTensors(const ParamStore& params, Stream& stream,
                            int64_t step, int rank);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_DIAGNOSTICS_H_
