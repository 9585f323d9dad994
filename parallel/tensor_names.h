// The names of a model's parameters.

#ifndef COGDIST_PARALLEL_TENSOR_NAMES_H_
#define COGDIST_PARALLEL_TENSOR_NAMES_H_

#include <set>
#include <string>

#include "parallel/communicator.h"
#include "parallel/param_store.h"

namespace cogdist {

// Of the whole model: what the stores of all ranks of `pipeline`, which share
// its layers, have registered. Collective over them; null: `params` has all.
std::set<std::string> AllTensorNames(const ParamStore& params,
                                     Communicator* pipeline);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_TENSOR_NAMES_H_
