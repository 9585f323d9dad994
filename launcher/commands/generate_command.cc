#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "launcher/commands/commands.h"
#include "launcher/generator.h"
#include "launcher/inference.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/data/utf8.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

absl::StatusOr<SamplingOptions> SamplingOf(const ParsedCommand& command,
                                           uint64_t default_seed) {
  SamplingOptions options;
  COG_ASSIGN_OR_RETURN(options.temperature,
                       command.Number("temperature", 1, {.min = 0}));
  COG_ASSIGN_OR_RETURN(options.top_k, command.Integer("top_k", 0, {.min = 0}));
  COG_ASSIGN_OR_RETURN(options.top_p,
                       command.Number("top_p", 1, {.min = 0, .max = 1}));
  COG_ASSIGN_OR_RETURN(options.seed,
                       command.Integer("seed", default_seed, {.min = 0}));
  return options;
}

// The prompt's ids; the end-of-document token, with which every document's
// beginning is trained, goes before the text where there is one.
absl::StatusOr<std::vector<int32_t>> EncodePrompt(const RunConfig& config,
                                                  const Tokenizer& tokenizer,
                                                  absl::string_view text) {
  const CogformerConfig& model = config.model().cogformer();
  if (tokenizer.vocab_size() > model.vocab_size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tokenizer: its ", tokenizer.vocab_size(),
        " ids do not fit the model's vocab_size ", model.vocab_size(),
        "; use the tokenizer that the model was trained with"));
  }
  std::vector<int32_t> ids;
  if (tokenizer.eos_id().has_value()) ids.push_back(*tokenizer.eos_id());
  tokenizer.Encode(text, ids);
  if (ids.empty()) {
    return absl::InvalidArgumentError(
        "--prompt: is empty and the tokenizer has no end-of-document token to "
        "begin with; give some text");
  }
  const int64_t length = ids.size();
  if (length > model.max_seq_len()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--prompt: is ", length, " tokens long, the model's ",
                     "max_seq_len is ", model.max_seq_len(), "; shorten it"));
  }
  return ids;
}

// Prints tokens as they come, holding back the bytes of an unfinished
// character.
class TokenPrinter {
 public:
  explicit TokenPrinter(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void Print(int32_t token) {
    pending_ += tokenizer_.Decode({token});
    const size_t whole = pending_.size() - IncompleteUtf8Tail(pending_);
    std::cout << pending_.substr(0, whole) << std::flush;
    pending_.erase(0, whole);
  }

  void Finish() { std::cout << pending_ << std::endl; }

 private:
  const Tokenizer& tokenizer_;
  std::string pending_;
};

absl::StatusOr<ExitCode> RunGenerate(const ParsedCommand& command) {
  COG_ASSIGN_OR_RETURN(const RunConfig config, LoadInferenceConfig(command));
  COG_ASSIGN_OR_RETURN(const SamplingOptions sampling,
                       SamplingOf(command, config.seed()));
  COG_ASSIGN_OR_RETURN(const int64_t max_tokens,
                       command.Integer("max_tokens", 256, {.min = 0}));
  COG_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer,
                       LoadRunTokenizer(config));
  const std::string prompt = command.Text("prompt", "");
  COG_ASSIGN_OR_RETURN(const std::vector<int32_t> ids,
                       EncodePrompt(config, *tokenizer, prompt));

  CpuDevice device;
  const std::unique_ptr<Stream> stream = device.CreateStream();
  COG_ASSIGN_OR_RETURN(const std::unique_ptr<Generator> generator,
                       Generator::Create(config, device, *stream));
  COG_RETURN_IF_ERROR(LoadTrainedWeights(config, command.Text("checkpoint", ""),
                                         generator->params(), *stream));
  std::cout << prompt;
  TokenPrinter printer(*tokenizer);
  generator->Generate(ids, max_tokens, sampling, [&](int32_t token) {
    if (token == tokenizer->eos_id()) return false;
    printer.Print(token);
    return true;
  });
  printer.Finish();
  return ExitCode::kDone;
}

}  // namespace

Command GenerateCommand() {
  return {
      .name = "generate",
      .summary = "text from a trained model",
      .arguments = {kConfigArgument},
      .flags =
          {
              kSetFlag,
              {.name = "checkpoint",
               .value = "PATH",
               .help = "A safetensors file, or a folder of them; the final "
                       "weights in the run directory by default."},
              {.name = "prompt",
               .value = "TEXT",
               .help = "Text to go on from; by default a new document."},
              {.name = "max_tokens",
               .value = "N",
               .help = "Tokens to generate at most (256). The text ends "
                       "earlier at the end of a document or when "
                       "max_seq_len is reached."},
              {.name = "temperature",
               .value = "X",
               .help = "Divides the logits (1); 0 takes the likeliest token."},
              {.name = "top_k",
               .value = "N",
               .help = "Draw from the N likeliest tokens; 0, the default: "
                       "from all."},
              {.name = "top_p",
               .value = "P",
               .help = "Draw from the likeliest tokens that together have "
                       "probability P; 1, the default: from all."},
              {.name = "seed",
               .value = "N",
               .help = "Of the draws; the configuration's seed by default."},
          },
      .run = RunGenerate,
  };
}

}  // namespace cogdist
