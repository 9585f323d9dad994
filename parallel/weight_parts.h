// Which rank gives which part of every tensor of the model to a file.

#ifndef COGDIST_PARALLEL_WEIGHT_PARTS_H_
#define COGDIST_PARALLEL_WEIGHT_PARTS_H_

#include <map>
#include <string>
#include <vector>

#include "parallel/communicator.h"
#include "parallel/param_store.h"

namespace cogdist {

struct WeightPart {
  int rank = 0;        // in the world, of the giver
  int index = 0;       // of the tensor in the giver's store
  NamedTensor tensor;  // with the part that the giver holds; without copies
  ElementRange range;  // of the held part: what is given
};

// By name, in rank order. The parts of a tensor make it up, each element once.
using WeightParts = std::map<std::string, std::vector<WeightPart>>;

// The same on every rank. Collective over all of them.
WeightParts GatherWeightParts(const ParamStore& params, Communicator& world);

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_WEIGHT_PARTS_H_
