#include "launcher/commands/commands.h"

namespace cogdist {

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
               .help = "Weights to use; the run's newest by default."},
              {.name = "prompt",
               .value = "TEXT",
               .help = "Text to go on from."},
              {.name = "max_tokens",
               .value = "N",
               .help = "Tokens to generate at most."},
              {.name = "temperature",
               .value = "X",
               .help = "Divides the logits; 0 takes the likeliest token."},
              {.name = "top_k",
               .value = "N",
               .help = "Draw from the N likeliest tokens; 0: from all."},
              {.name = "top_p",
               .value = "P",
               .help = "Draw from the likeliest tokens that together have "
                       "probability P."},
              {.name = "seed", .value = "N", .help = "Of the draws."},
          },
  };
}

}  // namespace cogdist
