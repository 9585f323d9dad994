// A configuration that several tests train, evaluate or describe.

#ifndef COGDIST_TESTS_LAUNCHER_SMALL_CONFIG_H_
#define COGDIST_TESTS_LAUNCHER_SMALL_CONFIG_H_

#include "launcher/config.h"
#include "proto/run_config.pb.h"

namespace cogdist::testing {

// Resolved; 20 steps of 4 sequences of 16 tokens, vocabulary 64.
inline RunConfig SmallConfig() {
  RunConfig config;
  CogformerConfig* const model = config.mutable_model()->mutable_cogformer();
  model->set_vocab_size(64);
  model->set_num_layers(2);
  model->set_hidden_size(32);
  model->set_num_heads(2);
  model->set_ffn_size(48);
  model->set_max_seq_len(16);
  config.mutable_batch()->set_global_batch_size(4);
  config.mutable_lr_schedule()->set_peak_lr(1e-2);
  config.mutable_data()->set_eos_token_id(0);
  config.set_train_steps(20);
  config.set_peak_tflops(0.5);
  ResolveConfig("small.pbtxt", config);
  return config;
}

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_LAUNCHER_SMALL_CONFIG_H_
