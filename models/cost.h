// Size and arithmetic of a network, from its configuration alone.

#ifndef COGDIST_MODELS_COST_H_
#define COGDIST_MODELS_COST_H_

#include <cstdint>

#include "proto/run_config.pb.h"

namespace cogdist {

// All parameters; a tied embedding counts once. `config` is resolved.
int64_t ParameterCount(const CogformerConfig& config);

// Parameters that take part in matrix products: all but the embedding look-up
// and the norms' gains. The output layer counts, tied or not.
int64_t MatMulParameterCount(const CogformerConfig& config);

// Model FLOPs of one token, forward and backward, in sequences of seq_len
// tokens under a causal mask: 6 N_matmul + 12 L heads head_dim seq_len / 2.
// Recomputation is not counted.
double TrainingFlopsPerToken(const CogformerConfig& config, int64_t seq_len);

}  // namespace cogdist

#endif  // COGDIST_MODELS_COST_H_
