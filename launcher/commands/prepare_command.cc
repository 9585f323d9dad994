#include "launcher/commands/commands.h"

namespace cogdist {

Command PrepareCommand() {
  return {
      .name = "prepare",
      .summary = "turn raw text or JSONL into a training dataset",
      .arguments = {{.name = "FILES",
                     .help = "Text files, one document each, or JSON Lines "
                             "(*.jsonl), one document a line.",
                     .required = false,
                     .repeated = true}},
      .flags =
          {
              {.name = "output",
               .value = "PREFIX",
               .help = "Write PREFIX_train.bin and .idx, PREFIX_validation, "
                       "and PREFIX_tokenizer.json."},
              {.name = "tokenizer",
               .value = "PATH|bytes",
               .help = "A tokenizer.json, or `bytes`: one token a byte."},
              {.name = "train_bpe",
               .value = "N",
               .help = "Train a byte-level BPE tokenizer with N tokens on the "
                       "training documents."},
              {.name = "validation_fraction",
               .value = "F",
               .help = "Share of the documents held out, chosen by hash."},
              {.name = "json_field",
               .value = "NAME",
               .help = "The field of a JSONL line that holds the text; "
                       "\"text\" by default."},
              {.name = "verify",
               .value = "PREFIX",
               .help = "Read a whole dataset and check it instead."},
          },
  };
}

}  // namespace cogdist
