#include "models/cost.h"

namespace cogdist {
namespace {

int64_t BlockMatMulParameters(const CogformerConfig& config) {
  const int64_t q = config.num_heads() * config.head_dim();
  const int64_t kv = config.num_kv_heads() * config.head_dim();
  const int64_t attention = config.hidden_size() * (2 * q + 2 * kv);
  const int64_t mlp = 3 * config.hidden_size() * config.ffn_size();
  return attention + mlp;
}

}  // namespace

int64_t ParameterCount(const CogformerConfig& config) {
  const int64_t gains = (2 * config.num_layers() + 1) * config.hidden_size();
  const int64_t look_up =
      config.tie_embeddings() ? 0 : config.vocab_size() * config.hidden_size();
  return MatMulParameterCount(config) + gains + look_up;
}

int64_t MatMulParameterCount(const CogformerConfig& config) {
  return config.num_layers() * BlockMatMulParameters(config) +
         config.vocab_size() * config.hidden_size();
}

double TrainingFlopsPerToken(const CogformerConfig& config, int64_t seq_len) {
  const double attention = 12.0 * config.num_layers() * config.num_heads() *
                           config.head_dim() * (seq_len / 2.0);
  return 6.0 * MatMulParameterCount(config) + attention;
}

}  // namespace cogdist
