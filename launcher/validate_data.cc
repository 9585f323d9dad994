#include "launcher/validate_rules.h"

namespace cogdist {
namespace {

void CheckEndOfDocument(const DataConfig& data, int64_t vocab_size,
                        Faults& faults) {
  if (data.document_mask() && !data.has_eos_token_id()) {
    faults.Add("data.document_mask",
               "true needs data.eos_token_id, the token that closes a "
               "document; set it, or document_mask: false");
  }
  if (vocab_size > 0 && data.eos_token_id() >= vocab_size) {
    faults.Add("data.eos_token_id", data.eos_token_id(),
               " is no token of a vocabulary of ", vocab_size, "; use ",
               vocab_size - 1, " or less");
  }
}

void CheckDatasets(const RunConfig& config, Faults& faults) {
  if (config.data().train_size() == 0) {
    faults.Add("data.train",
               "is missing; set data { train { prefix: \"...\" } }");
  }
  const int64_t every = config.evaluation().every_steps();
  if (every > 0 && config.data().validation_size() == 0) {
    faults.Add("evaluation.every_steps", every,
               " needs data.validation; set it, or every_steps: 0");
  }
}

}  // namespace

void CheckData(const RunConfig& config, bool training, Faults& faults) {
  const DataConfig& data = config.data();
  const CogformerConfig& model = config.model().cogformer();
  if (training) CheckDatasets(config, faults);
  if (model.max_seq_len() > 0 && data.seq_len() > model.max_seq_len()) {
    faults.Add("data.seq_len", data.seq_len(),
               " is longer than model.cogformer.max_seq_len; use ",
               model.max_seq_len());
  }
  CheckEndOfDocument(data, model.vocab_size(), faults);
}

}  // namespace cogdist
