#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "launcher/bench/collective_benchmarks.h"
#include "launcher/bench/kernel_benchmarks.h"
#include "launcher/bench/step_benchmark.h"
#include "launcher/commands/commands.h"
#include "launcher/config.h"
#include "launcher/memory_check.h"
#include "launcher/nearest_name.h"
#include "launcher/rank_program.h"
#include "launcher/roofline/roofline_report.h"
#include "launcher/shared_memory_check.h"
#include "launcher/validate.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

constexpr double kLeastSeconds = 0.3;  // of a kernel
// Of collectives, in elements: 64 KiB to 64 MiB.
constexpr int64_t kCollectiveSizes[] = {1 << 14, 1 << 18, 1 << 22, 1 << 24};

// Flags that the chosen kind of benchmark has no use for.
absl::Status Refuse(const ParsedCommand& command,
                    std::initializer_list<absl::string_view> flags,
                    absl::string_view reason) {
  for (const absl::string_view flag : flags) {
    if (!command.Has(flag)) continue;
    return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", reason));
  }
  return absl::OkStatus();
}

// --device; `otherwise` without it.
absl::StatusOr<DeviceKind> DeviceFlag(const ParsedCommand& command,
                                      DeviceKind otherwise) {
  if (!command.Has("device")) return otherwise;
  const std::string typed = command.Text("device", "");
  DeviceKind device;
  if (DeviceKind_Parse(absl::AsciiStrToUpper(typed), &device)) return device;
  return absl::InvalidArgumentError(
      absl::StrCat("--device: \"", typed, "\" is no device; did you mean ",
                   NearestName(typed, {"auto", "cpu", "cuda"}),
                   "? There are auto, cpu, cuda"));
}

void PrintOnRankZero(const RankContext& context,
                     const std::vector<BenchmarkRow>& rows) {
  if (context.rank() != 0) return;
  std::cout << "On " << Name(context.device->type());
  if (context.device->type() == DeviceType::kCpu) {
    std::cout << ", threads a rank: " << context.placement.num_threads;
  }
  std::cout << ", ranks: " << context.world_size() << "\n"
            << FormatBenchmarks(rows) << std::flush;
}

KernelShapes ShapesFor(DeviceType device) {
  return device == DeviceType::kCpu ? ShapesOfH512() : ShapesOf1B();
}

absl::StatusOr<ExitCode> RunKernelsAndCollectives(DeviceKind device) {
  const auto check = [](const Placement&, Communicator&, const Device&) {
    return absl::OkStatus();
  };
  const auto body = [](RankContext& context) -> absl::StatusOr<ExitCode> {
    COG_ASSIGN_OR_RETURN(
        std::vector<BenchmarkRow> rows,
        BenchmarkKernels(*context.streams.compute,
                         ShapesFor(context.device->type()), kLeastSeconds));
    COG_ASSIGN_OR_RETURN(const std::vector<BenchmarkRow> collectives,
                         BenchmarkCollectives(context, kCollectiveSizes));
    rows.insert(rows.end(), collectives.begin(), collectives.end());
    PrintOnRankZero(context, rows);
    return ExitCode::kDone;
  };
  RunConfig config;
  config.set_device(device);
  return RunAsRank({.config = config,
                    .options = "bench",
                    .device = device,
                    .check = check,
                    .body = body});
}

absl::StatusOr<ExitCode> RunSteps(const RunConfig& config, int64_t steps) {
  const auto check = [&](const Placement& placement, Communicator& world,
                         const Device& device) -> absl::Status {
    COG_RETURN_IF_ERROR(ValidateConfig(
        config, {.world_size = placement.world_size, .check_files = false}));
    COG_RETURN_IF_ERROR(Agree(
        world, CheckSharedMemory(config, Passes::kForwardAndBackward, device)));
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

absl::StatusOr<ExitCode> PrintRooflines(const ParsedCommand& command) {
  if (!command.arguments().empty()) {
    return absl::InvalidArgumentError(
        "--roofline: predicts kernels at shapes of its own; it takes no "
        "configuration");
  }
  COG_RETURN_IF_ERROR(
      Refuse(command, {"set", "steps", "device"},
             "does not go with --roofline, which runs nothing"));
  std::vector<GpuSpec> gpus;
  for (const std::string& name : command.All("gpu")) {
    const absl::StatusOr<GpuSpec> gpu = FindGpu(name);
    if (!gpu.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--gpu: ", gpu.status().message()));
    }
    gpus.push_back(*gpu);
  }
  if (gpus.empty()) gpus.assign(GpuSpecs().begin(), GpuSpecs().end());
  for (const GpuSpec& gpu : gpus) {
    std::cout << FormatRoofline(gpu, RooflineRows(gpu, ShapesOf1B())) << "\n";
  }
  std::cout << std::flush;
  return ExitCode::kDone;
}

absl::StatusOr<ExitCode> RunBench(const ParsedCommand& command) {
  if (command.Has("roofline")) return PrintRooflines(command);
  COG_RETURN_IF_ERROR(Refuse(command, {"gpu"}, "goes with --roofline"));
  COG_ASSIGN_OR_RETURN(const int64_t steps,
                       command.Integer("steps", 10, {.min = 1}));
  if (command.arguments().empty()) {
    COG_RETURN_IF_ERROR(Refuse(command, {"set", "steps"},
                               "goes with a CONFIG.pbtxt, whose training step "
                               "is then measured"));
    COG_ASSIGN_OR_RETURN(const DeviceKind device, DeviceFlag(command, AUTO));
    return RunKernelsAndCollectives(device);
  }
  COG_ASSIGN_OR_RETURN(RunConfig config, LoadRunConfig(command.arguments()[0],
                                                       command.All("set")));
  COG_ASSIGN_OR_RETURN(const DeviceKind device,
                       DeviceFlag(command, config.device()));
  config.set_device(device);
  return RunSteps(config, steps);
}

}  // namespace

Command BenchCommand() {
  return {
      .name = "bench",
      .summary = "speed of kernels, collectives and steps on this machine",
      .arguments = {{.name = "CONFIG.pbtxt",
                     .help =
                         "Measure whole training steps of this configuration "
                         "on random tokens; its data need not exist. Without "
                         "it: the kernels that a network on one rank "
                         "spends time in, and, under mpirun, the collectives "
                         "between the ranks.",
                     .required = false}},
      .flags =
          {
              kSetFlag,
              {.name = "steps",
               .value = "N",
               .help = "Steps to time (10), after two to warm up. Where ranks "
                       "share gradients, as many without overlap take turns "
                       "with them, to see what it gains."},
              {.name = "device",
               .value = "DEVICE",
               .help = "Where to measure: cpu, cuda, or auto, which takes a "
                       "GPU where there is one. By default what the "
                       "configuration says, or else auto."},
              {.name = "roofline",
               .value = "",
               .help = "Measure nothing, but predict the kernels of a model "
                       "of 1.4 billion parameters on data-centre GPUs; needs "
                       "none."},
              {.name = "gpu",
               .value = "NAME",
               .help = "With --roofline: A100, H100, H200 or B200; by default "
                       "all of them.",
               .repeatable = true},
          },
      .notes =
          "Shares are of the rate of square matrix products in the same "
          "precision (GEMM)\nand of a large copy's bytes, on the same device "
          "and threads, measured in the\nsame run. What the predictions rest "
          "on and how far they are off:\ndocs/performance.md.",
      .run = RunBench,
  };
}

}  // namespace cogdist
