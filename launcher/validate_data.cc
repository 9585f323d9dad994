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

}  // namespace

void CheckData(const RunConfig& config, Faults& faults) {
  const DataConfig& data = config.data();
  const CogformerConfig& model = config.model().cogformer();
  if (data.train_size() == 0) {
    faults.Add("data.train",
               "is missing; set data { train { prefix: \"...\" } }");
  }
  if (model.max_seq_len() > 0 && data.seq_len() > model.max_seq_len()) {
    faults.Add("data.seq_len", data.seq_len(),
               " is longer than model.cogformer.max_seq_len; use ",
               model.max_seq_len());
  }
  CheckEndOfDocument(data, model.vocab_size(), faults);
  if (config.evaluation().every_steps() > 0 && data.validation_size() == 0) {
    faults.Add("evaluation.every_steps", config.evaluation().every_steps(),
               " needs data.validation; set it, or every_steps: 0");
  }
}

}  // namespace cogdist
