#include "launcher/commands/commands.h"
#include "launcher/prepare.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::StatusOr<ExitCode> RunPrepare(const ParsedCommand& command) {
  if (command.Has("verify")) {
    if (!command.arguments().empty()) {
      return absl::InvalidArgumentError("--verify takes no FILES");
    }
    COG_RETURN_IF_ERROR(VerifyPrepared(command.Text("verify", ""), stdout));
    return ExitCode::kDone;
  }
  PrepareOptions options;
  options.input.files = command.arguments();
  options.input.json_field = command.Text("json_field", "text");
  options.input.document_separator = command.Text("document_separator", "");
  options.output = command.Text("output", "");
  options.tokenizer = command.Text("tokenizer", "");
  options.eos_token = command.Text("eos_token", "");
  options.source = command.Text("source", "");
  options.license = command.Text("licence", "");
  COG_ASSIGN_OR_RETURN(options.train_bpe, command.Integer("train_bpe", 0));
  COG_ASSIGN_OR_RETURN(options.validation_fraction,
                       command.Number("validation_fraction", 0));
  COG_ASSIGN_OR_RETURN(const int64_t threads,
                       command.Integer("threads", 0, {.min = 0, .max = 4096}));
  options.threads = static_cast<int>(threads);
  COG_RETURN_IF_ERROR(Prepare(options, stdout));
  return ExitCode::kDone;
}

}  // namespace

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
               .help = "Write PREFIX.bin, .idx and .meta.json; with a "
                       "validation fraction PREFIX_train and "
                       "PREFIX_validation; a trained tokenizer is "
                       "PREFIX_tokenizer.json."},
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
              {.name = "document_separator",
               .value = "LINE",
               .help = "Lines of text files that are exactly this divide "
                       "documents; else a text file is one document."},
              {.name = "eos_token",
               .value = "TOKEN",
               .help = "The special token that ends each document, if the "
                       "tokenizer's own is not found by name."},
              {.name = "source",
               .value = "TEXT",
               .help = "Where the text comes from, recorded with the data; "
                       "the file names by default."},
              {.name = "licence",
               .value = "TEXT",
               .help = "The text's licence, recorded with the data."},
              {.name = "threads",
               .value = "N",
               .help = "Cores to use; all by default. The result is the same "
                       "for every number."},
              {.name = "verify",
               .value = "PREFIX",
               .help = "Read a whole dataset and check it instead."},
          },
      .run = RunPrepare,
  };
}

}  // namespace cogdist
