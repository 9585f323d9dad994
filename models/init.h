// Seeded initial weights.

#ifndef COGDIST_MODELS_INIT_H_
#define COGDIST_MODELS_INIT_H_

#include <cstdint>

#include "parallel/param_store.h"
#include "runtime/stream.h"

namespace cogdist {

// Every element is a function of (seed, tensor name, index in the whole tensor)
// alone, so any layout starts from the same weights.
void InitializeParameters(ParamStore& params, Stream& stream, uint64_t seed);

}  // namespace cogdist

#endif  // COGDIST_MODELS_INIT_H_
