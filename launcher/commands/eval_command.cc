#include "launcher/commands/commands.h"

namespace cogdist {

Command EvalCommand() {
  return {
      .name = "eval",
      .summary = "loss, perplexity and bits per byte of a trained model",
      .arguments = {kConfigArgument},
      .flags =
          {
              kSetFlag,
              {.name = "checkpoint",
               .value = "PATH",
               .help = "Weights to evaluate; the run's newest by default."},
              {.name = "data",
               .value = "PREFIX",
               .help = "Dataset; data.validation by default."},
          },
  };
}

}  // namespace cogdist
