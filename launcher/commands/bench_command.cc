#include <iostream>
#include <string>
#include <vector>

#include "launcher/benchmarks.h"
#include "launcher/commands/commands.h"
#include "launcher/config.h"
#include "launcher/memory_check.h"
#include "launcher/rank_program.h"
#include "launcher/step_benchmark.h"
#include "launcher/validate.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

void PrintOnRankZero(const RankContext& context,
                     const std::vector<BenchmarkRow>& rows) {
  if (context.rank() != 0) return;
  std::cout << FormatBenchmarks(rows) << std::flush;
}

absl::StatusOr<ExitCode> RunKernelsAndCollectives() {
  const auto check = [](const Placement&, Communicator&, const Device&) {
    return absl::OkStatus();
  };
  const auto body = [](RankContext& context) -> absl::StatusOr<ExitCode> {
    COG_ASSIGN_OR_RETURN(std::vector<BenchmarkRow> rows, BenchmarkKernels());
    COG_ASSIGN_OR_RETURN(const std::vector<BenchmarkRow> collectives,
                         BenchmarkCollectives(context));
    rows.insert(rows.end(), collectives.begin(), collectives.end());
    PrintOnRankZero(context, rows);
    return ExitCode::kDone;
  };
  return RunAsRank({.config = RunConfig(),
                    .options = "bench",
                    .device = AUTO,
                    .check = check,
                    .body = body});
}

absl::StatusOr<ExitCode> RunSteps(const RunConfig& config, int64_t steps) {
  const auto check = [&](const Placement& placement, Communicator& world,
                         const Device& device) -> absl::Status {
    COG_RETURN_IF_ERROR(ValidateConfig(
        config, {.world_size = placement.world_size, .check_files = false}));
    COG_ASSIGN_OR_RETURN(const std::vector<PlacedPlan> plans,
                         GatherPlans(config, placement, world, device.type()));
    return CheckMemory(config, placement, plans, AvailableTo(device));
  };
  const auto body = [&](RankContext& context) -> absl::StatusOr<ExitCode> {
    COG_ASSIGN_OR_RETURN(const std::vector<BenchmarkRow> rows,
                         BenchmarkSteps(config, context, steps));
    PrintOnRankZero(context, rows);
    return ExitCode::kDone;
  };
  return RunAsRank({.config = config,
                    .options = "bench",
                    .device = config.device(),
                    .check = check,
                    .body = body});
}

absl::StatusOr<ExitCode> RunBench(const ParsedCommand& command) {
  COG_ASSIGN_OR_RETURN(const int64_t steps,
                       command.Integer("steps", 10, {.min = 1}));
  if (command.arguments().empty()) {
    for (const absl::string_view flag : {"set", "steps"}) {
      if (!command.Has(flag)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("--", flag,
                       ": goes with a CONFIG.pbtxt, whose training "
                       "step is then measured"));
    }
    return RunKernelsAndCollectives();
  }
  COG_ASSIGN_OR_RETURN(
      const RunConfig config,
      LoadRunConfig(command.arguments()[0], command.All("set")));
  return RunSteps(config, steps);
}

}  // namespace

Command BenchCommand() {
  return {
      .name = "bench",
      .summary = "speed of kernels, collectives and steps on this machine",
      .arguments = {{.name = "CONFIG.pbtxt",
                     .help = "Measure whole training steps of this "
                             "configuration on random tokens; its data need "
                             "not exist. Without it: matrix products, "
                             "attention and, under mpirun, the all-reduce.",
                     .required = false}},
      .flags =
          {
              kSetFlag,
              {.name = "steps",
               .value = "N",
               .help = "Steps to time (10), after two to warm up. Where ranks "
                       "share gradients, as many without overlap take turns "
                       "with them, to see what it gains."},
          },
      .notes =
          "Shares are of the rate of 1024-cubed matrix products in the same "
          "precision on\nthe same threads, measured in the same run.",
      .run = RunBench,
  };
}

}  // namespace cogdist
