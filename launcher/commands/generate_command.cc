#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "launcher/commands/commands.h"
#include "launcher/device_choice.h"
#include "launcher/generator.h"
#include "launcher/inference.h"
#include "launcher/shared_memory_check.h"
#include "launcher/validate.h"
#include "parallel/single_communicator.h"
#include "runtime/data/tokenizer.h"
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

absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTextTokenizer(
    const RunConfig& config) {
  if (!config.has_tokenizer()) {
    return absl::InvalidArgumentError(
        "tokenizer: not set; name the tokenizer.json that the training data "
        "was made with, or `bytes`");
  }
  return LoadTokenizer(config.tokenizer());
}

// The token that ends documents: the one that the run was trained with, or else
// the tokenizer's.
std::optional<int32_t> EndOfDocument(const RunConfig& config,
                                     const Tokenizer& tokenizer) {
  if (config.data().has_eos_token_id()) return config.data().eos_token_id();
  if (tokenizer.eos_id().has_value()) return *tokenizer.eos_id();
  return std::nullopt;
}

// The prompt's ids. In training an end-of-document token goes before the first
// token of a document, and under a document mask no token sees the one before:
// so here, unless there is nothing else to begin with.
absl::StatusOr<std::vector<int32_t>> EncodePrompt(const RunConfig& config,
                                                  const Tokenizer& tokenizer,
                                                  absl::string_view text) {
  const CogformerConfig& model = config.model().cogformer();
  std::vector<int32_t> ids;
  const std::optional<int32_t> eos = EndOfDocument(config, tokenizer);
  const bool begin = text.empty() || !config.data().document_mask();
  if (begin && eos.has_value()) ids.push_back(*eos);
  tokenizer.Encode(text, ids);
  if (ids.empty()) {
    return absl::InvalidArgumentError(
        "--prompt: is empty and no end-of-document token is known to begin "
        "with; give some text, or set data.eos_token_id");
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
  COG_ASSIGN_OR_RETURN(RunConfig config, LoadInferenceConfig(command));
  config.clear_parallel();  // one rank, whatever the model was trained on
  COG_RETURN_IF_ERROR(ValidateConfig(
      config, {.purpose = ValidateOptions::Purpose::kGeneration}));
  COG_ASSIGN_OR_RETURN(const SamplingOptions sampling,
                       SamplingOf(command, config.seed()));
  COG_ASSIGN_OR_RETURN(const int64_t max_tokens,
                       command.Integer("max_tokens", 256, {.min = 0}));
  COG_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer,
                       LoadTextTokenizer(config));
  const std::string prompt = command.Text("prompt", "");
  COG_ASSIGN_OR_RETURN(const std::vector<int32_t> ids,
                       EncodePrompt(config, *tokenizer, prompt));

  COG_ASSIGN_OR_RETURN(const DeviceChoice choice,
                       ChooseDevice(config.device(), /*local_rank=*/0));
  WarnOfUnusedGpus(choice, std::cerr);
  COG_ASSIGN_OR_RETURN(std::unique_ptr<Device> device, OpenDevice(choice));
  COG_RETURN_IF_ERROR(CheckSharedMemory(config, Passes::kForward, *device));
  COG_ASSIGN_OR_RETURN(RankContext context,
                       MakeRankContext(Placement(), Mesh(), std::move(device),
                                       std::make_unique<SingleCommunicator>()));
  COG_ASSIGN_OR_RETURN(
      const std::unique_ptr<Generator> generator,
      Generator::Create(config, *context.device, *context.streams.compute));
  COG_RETURN_IF_ERROR(LoadTrainedWeights(config, command.Text("checkpoint", ""),
                                         context, generator->params()));
  std::cout << prompt;
  const std::optional<int32_t> eos = EndOfDocument(config, *tokenizer);
  TokenPrinter printer(*tokenizer);
  generator->Generate(ids, max_tokens, sampling, [&](int32_t token) {
    if (token == eos) return false;
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
              kCheckpointFlag,
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
